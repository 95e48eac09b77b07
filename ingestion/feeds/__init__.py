"""Collections that were submitted: kept, looked through, watched."""

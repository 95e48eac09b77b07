"""`up` and `demo`: everything in one command."""

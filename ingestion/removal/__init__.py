"""Removing a source or a creator for good, and saying when that is done and how much it was."""

"""One module a family of formats; they run in the child only."""

"""`reindex`, `migrate` and `doctor`: what an operator does beside the running gateway."""

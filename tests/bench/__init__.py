"""Measurements of the figures in docs/benchmarks.md: `make bench DATA=folder`."""

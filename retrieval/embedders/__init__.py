"""Models that turn text into vectors; each module adapts one."""

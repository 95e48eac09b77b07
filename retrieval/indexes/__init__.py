"""Where passages are found; each module adapts one index."""

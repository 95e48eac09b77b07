"""Measures ways of cutting recordings into passages: size, overlap and context header."""

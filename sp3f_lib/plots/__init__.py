"""Figures, each a pure function of a small table."""

"""Sampling, scoring and intervals."""

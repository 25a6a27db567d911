"""Answers, language fidelity, and the terms of the reward."""

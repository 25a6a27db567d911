"""How answers are sampled."""

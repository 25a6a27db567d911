"""The lab at toy size (toy.yaml): every stage in seconds."""

from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
TOY = Path(__file__).with_suffix(".yaml")

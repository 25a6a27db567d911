"""The GPU check: whether the library trains here as it should, in ten minutes; the list of checks is in program.py."""

"""Training data for any language: English problems in, checked rows in other languages out (`sp3f translate`)."""

"""Problems, rows and where they come from."""

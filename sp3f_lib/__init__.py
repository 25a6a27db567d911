"""SP3F, ICR and LIDR: three methods that make a reasoning model good in many languages, side by side."""

__version__ = "0.1.0"

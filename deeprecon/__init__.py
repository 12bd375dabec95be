"""Deep image reconstruction from human brain activity, one package per stage."""

__version__ = "0.1.0"

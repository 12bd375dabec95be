"""From features to images; `invert.reconstruct` is the entry point."""

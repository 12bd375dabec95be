"""From features to images: `invert.reconstruct` puts all parts together."""

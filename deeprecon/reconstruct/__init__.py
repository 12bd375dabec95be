"""From features to images."""

"""Ratings: the files that raters sent, in any format, checked and joined with the key."""

"""Ratings in: files from raters, of any format, checked and joined with the key."""

"""Scores of reconstructed images, and their statistics."""

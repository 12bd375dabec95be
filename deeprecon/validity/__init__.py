"""Checks that could expose a flawed study: each has a number, a threshold and a sentence."""

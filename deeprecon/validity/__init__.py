"""Checks that could unmask a study: each with a number, a threshold and a sentence."""

"""Figures and pages that report a study and its checks."""

"""Observers of a running simulation: what is averaged, and when."""

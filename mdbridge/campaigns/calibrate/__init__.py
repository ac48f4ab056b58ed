"""Calibration of any model to a reference."""

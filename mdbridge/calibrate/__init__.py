"""Calibration of a model to a reference by Grassmannian efficient global optimisation."""

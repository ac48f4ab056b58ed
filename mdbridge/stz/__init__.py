"""Shear-transformation-zone plasticity in the sheared frame."""

from .calibration_model import forward, published, solver_run

__all__ = ["forward", "published", "solver_run"]

"""Shear-transformation-zone plasticity in the sheared frame."""

from .calibration_model import forward, published

__all__ = ["forward", "published"]

"""Shear-transformation-zone plasticity in the sheared frame."""

from .named import forward, published

__all__ = ["forward", "published"]

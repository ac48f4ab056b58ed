"""Shear-transformation-zone plasticity in the sheared frame."""

"""Mechanical equilibrium of the flow: the projection and what serves it."""

"""From molecular dynamics to continuum models."""

__version__ = "0.1.0"

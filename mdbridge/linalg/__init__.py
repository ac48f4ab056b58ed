"""Distributed sparse linear algebra; the only importer of petsc4py."""

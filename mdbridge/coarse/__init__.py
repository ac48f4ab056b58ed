"""Coarse-graining: time filter, spatial kernels, strain.  Pure: no MPI, no LAMMPS, no files."""

"""Fields from anybody's MD: a LAMMPS script or a trajectory, looked at on a grid."""

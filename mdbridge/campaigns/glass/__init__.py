"""The metallic glass: made, sheared and observed in LAMMPS, then calibrated."""

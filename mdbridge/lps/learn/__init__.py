"""Learning a linear peridynamic solid from displacements and loads."""

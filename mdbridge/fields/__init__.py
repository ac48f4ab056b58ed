"""Fields on nodes: grids, sets of samples, and the files that hold them."""

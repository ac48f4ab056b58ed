"""The linear peridynamic solid: stencils, symbol, learning, boundary-value problems."""

"""One forward run of the STZ model."""

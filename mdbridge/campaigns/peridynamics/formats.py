"""The HDF5 files of a peridynamics campaign."""

from ...core.store import Format

DATASET = Format("mdbridge-dataset", 2, "mdbridge sample")
"""dataset.h5: a :class:`~mdbridge.fields.fieldset.FieldSet` for each split, and what LAMMPS gave directly."""

SOLUTIONS = Format("mdbridge-solutions", 2, "mdbridge solve")
"""solutions.h5: the fields that the learned model gives under the same loads."""

BODY = Format("mdbridge-body-solution", 1, "mdbridge solve")
"""solution.h5: a body of one's own in equilibrium."""

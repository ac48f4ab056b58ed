"""The HDF5 files of a glass campaign."""

from ...core.store import Format

GLASS = Format("mdbridge-glass", 2, "mdbridge sample")
"""glass.h5: the frames, the stress-strain curve, and the history of the glass."""

CHAIN = Format("mdbridge-chain", 2, "mdbridge report")
"""chain.h5: the calibrated model beside the MD."""

REFERENCE = Format("mdbridge-reference", 1, "mdbridge run")
"""Fields and stress that a calibration is given, and the energies of the first and the last frame."""

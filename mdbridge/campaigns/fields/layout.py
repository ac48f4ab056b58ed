"""Names in fields.h5: of its dimensions, and of what is there beside the fields."""

from ...md.observe.quantities import TENSOR, VOIGT, XYZ
from ...md.observe.wanted import NAMES

LABELS = {
    "axis": (XYZ, "direction"),
    "voigt": (VOIGT, "component of a symmetric tensor"),
    "tensor": (TENSOR, "component of a tensor, row and column"),
    "edge": (("a", "b", "c"), "edge vector of the box"),
    "plane": (("xy", "xz", "yz"), "direction of the shift and normal of the plane"),
}
"""Dimensions along which there are names and no numbers: the names, and what they are of."""
TYPE = "atom_type"
"""The dimension of the atom types."""
CURVE = "curve"
"""The group of what is known of the whole box."""
RESERVED = frozenset({*NAMES, *XYZ, *LABELS, TYPE, CURVE, "time", "step", "box", "origin"})
"""Names that no further field may have."""

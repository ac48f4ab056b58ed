"""Local deformation from atoms: the best-fit gradient and what it leaves over (Falk and Langer).

The unsheared frame: a place x in the present box has the fractional coordinates
s = H⁻¹x, and Y = H₀s is the same place in the reference box; x = T Y with
T = H H₀⁻¹.  Of an atom that was at X in the reference box, u = Y − X is what
its motion differs from the box's, free of jumps across periodic boundaries.
"""

import numpy as np
from numpy.typing import NDArray

from ..core.loops import compiled
from .timefilter import _shift

Array = NDArray[np.float64]

_UPPER = np.triu_indices(5)


@compiled()
def place(
    s: Array,
    displacement: Array,
    x: Array,
    image: NDArray[np.integer],
    reference: Array,
    corner: Array,
    box: Array,
    edges: Array,
    edges0: Array,
    stretch: float,
    bits: int,
) -> None:
    """Fractional coordinates and displacements of atoms in the unsheared frame.

    Args:
        s: ``(n, 2)``, filled with fractional coordinates.
        displacement: ``(n, 3)``, filled with u (Å).
        x: ``(n, 3)`` wrapped positions (Å).
        image: ``(n,)`` packed image flags of LAMMPS, ``bits`` bits a direction.
        reference: ``(n, 3)`` X, unwrapped and from the corner of the reference box (Å).
        corner: ``(3,)`` corner of the box of the same step (Å).
        box: ``(3, 3)`` its edge vectors, one a row, as LAMMPS has them: perhaps flipped (Å).
        edges: ``(2, 2)`` in-plane edge vectors in columns, followed through flips (Å).
        edges0: the same of the reference box.
        stretch: reference height over present height of the box.
        bits: 10 for LAMMPS's 32-bit image flags, 21 for the 64-bit ones.
    """
    for i in range(x.shape[0]):
        # by the box as LAMMPS has it, flips and all: image flags count its edges
        jump = _shift(image[i], box, bits)
        s[i, 1] = (x[i, 1] - corner[1]) / edges[1, 1]
        s[i, 0] = (x[i, 0] - corner[0] - edges[0, 1] * s[i, 1]) / edges[0, 0]
        high = s[i, 1] + jump[1] / edges[1, 1]
        along = (x[i, 0] + jump[0] - corner[0] - edges[0, 1] * high) / edges[0, 0]
        displacement[i, 0] = edges0[0, 0] * along + edges0[0, 1] * high - reference[i, 0]
        displacement[i, 1] = edges0[1, 1] * high - reference[i, 1]
        displacement[i, 2] = (x[i, 2] + jump[2] - corner[2]) * stretch - reference[i, 2]


def best_fit(moments: Array, edges: Array, edges0: Array) -> tuple[Array, Array]:
    """The in-plane deformation gradient at nodes that fits the atoms around them best.

    At each node the weighted mean of |X − X̄ − F⁻¹(x − x̄)|² over the atoms in the
    window is least; D²min is the minimum, to which the third direction adds what
    the plane does not explain of its displacements.  Falk and Langer regress x on
    X instead.  The window chooses atoms by x, and scatter of X, as grows in a shear
    band, would then weaken F by ⟨scatter²⟩/c² (a quarter, measured in a hot crystal
    at γ = 1); this way round the mean of E_xy stays γ/2.

    Args:
        moments: ``(ny, nx, 21)`` from :func:`..window.add_moments`.
        edges: ``(2, 2)`` in-plane edge vectors of the box in columns, followed through flips (Å).
        edges0: the same of the reference box.

    Returns:
        ``(ny, nx, 2, 2)`` F, and ``(ny, nx)`` D²min (Å²).
    """
    weight = moments[..., 0, None]
    mean = moments[..., 1:6] / weight
    spread = np.empty((*moments.shape[:2], 5, 5))
    spread[..., _UPPER[0], _UPPER[1]] = moments[..., 6:] / weight
    spread[..., _UPPER[1], _UPPER[0]] = spread[..., _UPPER[0], _UPPER[1]]
    spread -= mean[..., :, None] * mean[..., None, :]
    yy, yu, uu = spread[..., :2, :2], spread[..., :2, 2:4], spread[..., 2:4, 2:4]
    # X = Y − u: its moments are those of Y and u, which are free of jumps
    xx = yy - yu - np.swapaxes(yu, -1, -2) + uu
    xy = np.swapaxes(yy - yu, -1, -2)
    # the regression of X on Y, ∂X/∂Y
    back = np.swapaxes(np.linalg.solve(yy, np.swapaxes(xy, -1, -2)), -1, -2)
    left = xx - back @ np.swapaxes(xy, -1, -2)
    zy = spread[..., 4, :2]
    out_of_plane = spread[..., 4, 4] - (zy * np.linalg.solve(yy, zy[..., None])[..., 0]).sum(axis=-1)
    residue = np.trace(left, axis1=-2, axis2=-1) + out_of_plane
    # T ∂Y/∂X; a residue of zero may come out below it
    return edges @ np.linalg.inv(edges0) @ np.linalg.inv(back), np.maximum(residue, 0.0)


def green_lagrange(gradient: Array) -> Array:
    """E = ½ (FᵀF − I), ``(..., 2, 2)``, dimensionless."""
    return 0.5 * (np.swapaxes(gradient, -1, -2) @ gradient - np.eye(2))

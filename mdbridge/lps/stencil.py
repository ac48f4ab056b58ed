"""The bonds of a node on a uniform grid, sorted into rings of equal length.

On such a grid the influence function enters only through its values at the
distinct bond lengths: a ring is the set of bonds of one length.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from ..core.errors import InputError
from . import quadrature as quadratures
from .kernel import AT_HORIZON

# bonds of a node: the rules of a stencil are dense, and take a gigabyte beyond
_MOST = 5000


@dataclass(frozen=True)
class Stencil:
    """Bonds of one node of a uniform grid within the horizon.

    Attributes:
        spacing: ``(2,)`` node spacings hx, hy (Å).
        horizon: δ (Å).
        index: ``(n, 2)`` integer bond vectors in node spacings.
        offsets: ``(n, 2)`` bond vectors z (Å).
        weights: ``(n,)`` quadrature weights W (Å²).
        ring: ``(n,)`` the ring that each bond belongs to.
        radii: ``(r,)`` bond length of each ring (Å), ascending, and then places at which K is wanted for its
            integrals, where the quadrature asks for these.
        rings: number of rings.
        quadrature: one of :data:`.quadrature.QUADRATURES`.
        strength: ``(n, r)`` the linear map from K at the radii to K W of the bonds (Å²).
    """

    spacing: NDArray[np.float64]
    horizon: float
    index: NDArray[np.int64]
    offsets: NDArray[np.float64]
    weights: NDArray[np.float64]
    ring: NDArray[np.int64]
    radii: NDArray[np.float64]
    rings: int
    quadrature: str
    strength: NDArray[np.float64]

    @property
    def volume(self) -> NDArray[np.float64]:
        """``(r,)`` what K at each of the radii adds to the weighted volume Σ K W |z|² (Å⁴)."""
        return (self.offsets**2).sum(axis=1) @ self.strength


def uniform(spacing: tuple[float, float], horizon: float, quadrature: str = quadratures.DEFAULT) -> Stencil:
    """The stencil of a uniform grid.

    Args:
        spacing: hx, hy (Å).
        horizon: δ (Å); bonds of exactly that length belong to the stencil.
        quadrature: one of :data:`.quadrature.QUADRATURES`.

    Raises:
        InputError: the horizon holds too few neighbours, or too many.
        ValueError: there is no such quadrature.
    """
    h = np.array(spacing, dtype=float)
    about = np.pi * horizon**2 / float(h.prod())
    if about > _MOST:
        raise InputError(
            f"a horizon of {horizon:g} holds about {about:.3g} neighbours on nodes {h[0]:g} × {h[1]:g} "
            f"apart, at most {_MOST} are handled: use nodes at least "
            f"{np.sqrt(np.pi / _MOST) * horizon:.3g} apart, or a shorter horizon"
        )
    # a node at exactly δ is a neighbour, however its length is rounded
    reach = np.floor(horizon / h * AT_HORIZON).astype(int)
    grid = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(
        -1, 2
    )
    length = np.hypot(*(grid * h).T)
    inside = (length > 0) & (length <= horizon * AT_HORIZON)
    index, length = grid[inside], length[inside]
    # lengths that differ by round-off are one ring
    radii, ring = np.unique(np.round(length / horizon, 9), return_inverse=True)
    ring = ring.reshape(-1)
    rule = quadratures.rule(index * h, horizon, quadrature)
    one_hot = np.equal.outer(ring, np.arange(len(radii))).astype(float)
    # K is a number for each ring and, where its integrals are wanted, for each place of their rule
    places = quadratures.places(horizon, quadrature)
    values = block_diag(one_hot, np.eye(len(places)))
    # the mean: no bond of a ring is better than the others
    lengths = np.bincount(ring, weights=length) / np.bincount(ring) if len(radii) else length
    return Stencil(
        spacing=h,
        horizon=float(horizon),
        index=index,
        offsets=index * h,
        weights=rule.weights,
        ring=ring,
        radii=np.concatenate([lengths, places]),
        rings=len(lengths),
        quadrature=quadrature,
        strength=rule.strengths(values),
    )

"""What a transform along x makes easy: the inverse of elastic equilibrium, and smoothing.

Along x every grid is periodic, so that a transform leaves one problem in y for
each wave number: on a periodic grid another transform solves it, between
plates a block-tridiagonal elimination.  Both are exact, at every T.

On several ranks the rows are shared; :class:`Columns` is what gives a rank
whole columns of the spectrum.
"""

import math
from functools import lru_cache
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...core.loops import compiled
from ..frame import inverse
from ..ratelaw import Material
from ..staggered import Fields, Grid
from .transforms import (
    columns_backward,
    columns_cosine_backward,
    columns_cosine_forward,
    columns_forward,
    rows_backward,
    rows_forward,
)

Spectrum = NDArray[np.complex128]
Array = NDArray[np.float64]

_IN_CACHE = 2**20
"""Bytes of the columns that are transformed, changed and transformed back in one go."""


class Columns(Protocol):
    """The transform along x, and whole columns of its result.

    Attributes:
        mine: which columns of the spectrum, as :meth:`forward` returns it, this rank is to work on.
        first: the wave number along x of the first of them.
    """

    mine: slice
    first: int

    def forward(self, rows: Fields) -> Spectrum:
        """Rows ``(n, rows, nx)``, n <= 2, to ``(n, ny, columns)``; valid until the next call (collective)."""

    def backward(self, spectrum: Spectrum, out: Fields) -> None:
        """The way back, to ``(n, rows, nx)``, of that array, changed in place (collective); it is used up."""


class WholeRows:
    """The columns of one rank that has the whole grid."""

    def __init__(self, grid: Grid):
        self.mine, self.first = slice(0, grid.nx // 2 + 1), 0
        self._spectrum = np.empty((2, grid.ny, self.mine.stop), dtype=complex)

    def forward(self, rows: Fields) -> Spectrum:
        """See :class:`Columns`; into an array that stays: a new one costs more than the transform."""
        return rows_forward(rows, self._spectrum[: len(rows)])

    def backward(self, spectrum: Spectrum, out: Fields) -> None:
        """See :class:`Columns`."""
        rows_backward(spectrum, out)


class SpectralSolver:
    """Inverts −∇·[C : sym ∇v] of the four-cell differences, and smooths fields at cells."""

    def __init__(self, grid: Grid, material: Material, columns: Columns):
        self._grid, self._columns = grid, columns
        self._moduli = (material.mu, material.lame_lambda)
        self._clamped = grid.boundary == "clamped"
        mine = self._mine = columns.mine
        along_x = columns.first - mine.start + np.arange(mine.stop)
        self._half_x = np.pi * along_x / grid.nx
        # plates: a cosine transform, of half the wave numbers
        along_y = np.arange(grid.ny) / (2 * grid.ny) if self._clamped else np.fft.fftfreq(grid.ny)
        # along x one for the real and one for the imaginary part, which change alike
        twice, half_y = np.repeat(self._half_x, 2), np.pi * along_y
        self._waves = (np.sin(twice), np.cos(twice), np.sin(half_y), np.cos(half_y))
        # 32 bytes: two fields of complex numbers
        blocks = max(1, 32 * grid.ny * (mine.stop - mine.start) // _IN_CACHE)
        self._cuts = np.linspace(mine.start, mine.stop, blocks + 1, dtype=int).tolist()

    def solve(self, force: Fields, matrix: Array, back: Array, out: Fields) -> None:
        """``out`` = back · v with −∇·[C : sym ∇v] = force, free of null vectors (collective).

        Args:
            force: at owned corners, ``(2, rows, nx)``; of the plates' corners nothing is used.
            matrix: T, ``(2, 2)``.
            back: ``(2, 2)``.
            out: ``(2, rows, nx)``.
        """
        spectrum = self._columns.forward(force)
        if self._clamped:
            blocks = stencil_rows(self._moduli, matrix, self._grid, self._half_x[self._mine])
            eliminate(spectrum[..., self._mine], blocks, back)
        else:
            x, y = 2.0 / self._grid.dx, 2.0 / self._grid.dy
            for start, stop in pairwise(self._cuts):
                columns_forward(spectrum[..., start:stop])
                _invert(spectrum.view(float), start, stop, *self._waves, x, y, *self._moduli, matrix, back)
                columns_backward(spectrum[..., start:stop])
        self._columns.backward(spectrum, out)

    def smooth(self, values: Array, metric: Array, cut: float) -> None:
        """Take from ``values`` what is finer than ``cut``, in place, keeping its sum (collective).

        The factor is (1 + (κ²/cut)⁴)^(−1/4): 1 − 10⁻³ where κ² is a quarter of
        ``cut``, and κ² times the factor stays below ``cut``.

        Args:
            values: at owned cells, ``(rows, nx)``.
            metric: N = T⁻¹T⁻ᵀ, ``(2, 2)``; κ² is the symbol of −∇·N∇ as
                :func:`~mdbridge.stz.diffusion.diffusion_row` has it; between plates a bound on it.
            cut: in 1/Å².
        """
        spectrum = self._columns.forward(values[None])
        n11, n12, n22 = metric[0, 0], metric[0, 1], metric[1, 1]
        if self._clamped:
            n11 = n22 = float(np.linalg.eigvalsh(metric)[-1])
            n12 = 0.0
        x, y = 2.0 / self._grid.dx, 2.0 / self._grid.dy
        symbol = (n11 * x * x / cut, n12 * x * y / cut, n22 * y * y / cut)
        forward, backward = columns_forward, columns_backward
        if self._clamped:
            forward, backward = columns_cosine_forward, columns_cosine_backward
        for start, stop in pairwise(self._cuts):
            forward(spectrum[..., start:stop])
            _damp(spectrum, start, stop, *self._waves, *symbol)
            backward(spectrum[..., start:stop])
        self._columns.backward(spectrum, values[None])


@compiled(fastmath=True, error_model="numpy")
def _invert(
    values: Array,
    start: int,
    stop: int,
    sin_x: Array,
    cos_x: Array,
    sin_y: Array,
    cos_y: Array,
    x: float,
    y: float,
    mu: float,
    lame: float,
    t: Array,
    back: Array,
) -> None:
    """Force to back · v in columns start … stop: v = M⁻¹ f by Sherman–Morrison, M = μ |κ|² I + (λ + μ) κ κᵀ.

    The null vectors of K, translations and (on even grids) checkerboards, are set to zero.
    ``values``, real and imaginary parts in turn, is real: one loop of vector instructions.
    """
    ratio = (lame + mu) / (lame + 2.0 * mu)
    t00, t01, t10, t11 = t[0, 0], t[0, 1], t[1, 0], t[1, 1]
    b00, b01, b10, b11 = back[0, 0] / mu, back[0, 1] / mu, back[1, 0] / mu, back[1, 1] / mu
    some = slice(2 * start, 2 * stop)
    sin_x, cos_x = sin_x[some], cos_x[some]
    for j in range(values.shape[1]):
        along_x, along_y = values[0, j, some], values[1, j, some]  # from force to velocity
        for i in range(len(sin_x)):
            kx, ky = x * sin_x[i] * cos_y[j], y * sin_y[j] * cos_x[i]
            # κ = T⁻ᵀ K with det T = 1
            qx, qy = t11 * kx - t10 * ky, t00 * ky - t01 * kx
            square = qx * qx + qy * qy
            # K vanishes to round-off at the null vectors alone
            least = 1e-20 * ((x * sin_x[i]) ** 2 + (y * sin_y[j]) ** 2)
            reciprocal = 1.0 / square if square > least else 0.0
            fx, fy = along_x[i], along_y[i]
            common = ratio * reciprocal * (qx * fx + qy * fy)
            vx, vy = reciprocal * (fx - common * qx), reciprocal * (fy - common * qy)
            along_x[i] = b00 * vx + b01 * vy
            along_y[i] = b10 * vx + b11 * vy


@compiled(fastmath=True, error_model="numpy")
def _damp(
    spectrum: Spectrum,
    start: int,
    stop: int,
    sin_x: Array,
    cos_x: Array,
    sin_y: Array,
    cos_y: Array,
    xx: float,
    xy: float,
    yy: float,
) -> None:
    """Multiply columns start … stop by (1 + q⁴)^(−1/4), q the symbol of diffusion over the cut."""
    some = slice(2 * start, 2 * stop, 2)
    sin_x, cos_x = sin_x[some].copy(), cos_x[some].copy()
    for j in range(spectrum.shape[1]):
        row = spectrum[0, j, start:stop]
        for i in range(len(sin_x)):
            x, y = sin_x[i], sin_y[j]
            q = xx * x * x + yy * y * y + 2.0 * xy * x * y * cos_x[i] * cos_y[j]
            q = q * q
            row[i] *= 1.0 / math.sqrt(math.sqrt(1.0 + q * q))


def stencil(moduli: tuple[float, float], matrix: Array, grid: Grid) -> Array:
    """The nine 2 × 2 blocks of −∇·(C : sym ∇v) for four-cell differences at T, ``(2, 2, 3, 3)``.

    Args:
        moduli: μ, λ in GPa.
        matrix: T, ``(2, 2)``.
        grid: its spacing.

    Returns:
        [component of force, of velocity, row offset + 1, column offset + 1], GPa/Å².
    """
    return _blocks(*moduli, inverse(matrix), _squares(grid))


@lru_cache(maxsize=16)
def _squares(grid: Grid) -> Array:
    """Symbols of K_x², K_x K_y and K_y² as differences, ``(2, 2, 3, 3)``."""
    # a four-cell difference takes the mean across what it differentiates; so does its square
    second, first, mean = np.array([-1.0, 2.0, -1.0]), np.array([-0.5, 0.0, 0.5]), np.array([0.25, 0.5, 0.25])
    along_x, along_y = np.outer(mean, second) / grid.dx**2, np.outer(second, mean) / grid.dy**2
    mixed = -np.outer(first, first) / (grid.dx * grid.dy)
    return np.array([[along_x, mixed], [mixed, along_y]])


@compiled()
def _blocks(mu: float, lame: float, back: Array, squares: Array) -> Array:
    """μ |κ|² I + (λ + μ) κ κᵀ with κ = T⁻ᵀ K, ``back`` being T⁻¹."""
    blocks = np.zeros((2, 2, 3, 3))
    for c in range(2):
        for d in range(2):
            metric = back[c, 0] * back[d, 0] + back[c, 1] * back[d, 1]
            for a in range(2):
                blocks[a, a] += mu * metric * squares[c, d]
                for b in range(2):
                    blocks[a, b] += (lame + mu) * back[c, a] * back[d, b] * squares[c, d]
    return blocks


def stencil_rows(moduli: tuple[float, float], matrix: Array, grid: Grid, half_x: Array) -> Spectrum:
    """The stencil after a transform along x: its blocks below, at and above a row, ``(k, 3, 2, 2)``."""
    # half_x is half the phase from one column to the next
    phase = np.exp(2j * np.outer(half_x, [-1.0, 0.0, 1.0]))
    return np.einsum("abmn,kn->kmab", stencil(moduli, matrix, grid), phase)


@compiled(error_model="numpy")
def eliminate(spectrum: Spectrum, blocks: Spectrum, back: Array) -> None:
    """Solve between plates by block elimination in y, column by column, in place.

    Args:
        spectrum: force, ``(2, ny, k)``; becomes back · v.  Row 0, the plate, is set to zero.
        blocks: see :func:`stencil_rows`.
        back: ``(2, 2)``.
    """
    ny = spectrum.shape[1]
    gain = np.empty((ny, 2, 2), dtype=np.complex128)
    for i in range(spectrum.shape[2]):
        below, here, above = blocks[i, 0], blocks[i, 1], blocks[i, 2]
        spectrum[0, 0, i] = spectrum[1, 0, i] = 0.0
        for j in range(1, ny):
            p00, p01, p10, p11 = here[0, 0], here[0, 1], here[1, 0], here[1, 1]
            fx, fy = spectrum[0, j, i], spectrum[1, j, i]
            if j > 1:  # subtract below · (row j − 1)
                g, ux, uy = gain[j - 1], spectrum[0, j - 1, i], spectrum[1, j - 1, i]
                p00 -= below[0, 0] * g[0, 0] + below[0, 1] * g[1, 0]
                p01 -= below[0, 0] * g[0, 1] + below[0, 1] * g[1, 1]
                p10 -= below[1, 0] * g[0, 0] + below[1, 1] * g[1, 0]
                p11 -= below[1, 0] * g[0, 1] + below[1, 1] * g[1, 1]
                fx -= below[0, 0] * ux + below[0, 1] * uy
                fy -= below[1, 0] * ux + below[1, 1] * uy
            # without pivots: elasticity between plates is positive, so that no block on the way is singular
            determinant = 1.0 / (p00 * p11 - p01 * p10)
            q00, q01, q10, q11 = (
                p11 * determinant,
                -p01 * determinant,
                -p10 * determinant,
                p00 * determinant,
            )
            spectrum[0, j, i], spectrum[1, j, i] = q00 * fx + q01 * fy, q10 * fx + q11 * fy
            gain[j, 0, 0] = q00 * above[0, 0] + q01 * above[1, 0]
            gain[j, 0, 1] = q00 * above[0, 1] + q01 * above[1, 1]
            gain[j, 1, 0] = q10 * above[0, 0] + q11 * above[1, 0]
            gain[j, 1, 1] = q10 * above[0, 1] + q11 * above[1, 1]
        # from the last row on, above which lies the upper plate, at rest
        for j in range(ny - 2, 0, -1):
            ux, uy = spectrum[0, j + 1, i], spectrum[1, j + 1, i]
            spectrum[0, j, i] -= gain[j, 0, 0] * ux + gain[j, 0, 1] * uy
            spectrum[1, j, i] -= gain[j, 1, 0] * ux + gain[j, 1, 1] * uy
        for j in range(1, ny):
            ux, uy = spectrum[0, j, i], spectrum[1, j, i]
            spectrum[0, j, i] = back[0, 0] * ux + back[0, 1] * uy
            spectrum[1, j, i] = back[1, 0] * ux + back[1, 1] * uy

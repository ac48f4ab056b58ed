"""Waves in time on a periodic grid: ρ ü = b − L u, [You2022, eq. 3.1], by velocity Verlet.

The operator is applied in Fourier space, where each wave vector has two branches: the eigenvectors of
L(k), with frequencies ω² = eigenvalue/ρ.  Verlet moves a wave of frequency ω with (2/τ) asin(ω τ/2)
instead, and conserves ½ρ|v|² + ½u·Lu − (τ²/8)|Lu|²/ρ to round-off.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ..core.errors import InputError
from ..core.units import TPA_PER_A2_OVER_G_PER_CM3_IN_PER_PS2 as UNIT
from .local import GradientElasticity
from .material import LinearPeridynamicSolid
from .stencil import uniform
from .symbol import operator, rings

Array = NDArray[np.float64]
Spectrum = NDArray[np.complex128]


@dataclass(frozen=True)
class State:
    """Fields on the nodes at one time.

    Attributes:
        time: (ps).
        u: displacements ``(nx, ny, 2)`` (Å).
        v: velocities ``(nx, ny, 2)`` (Å/ps).
        energy: what Verlet conserves, the sum over nodes (TPa).
    """

    time: float
    u: Array
    v: Array
    energy: float


class Medium:
    """A linear solid with inertia on a periodic grid.

    Attributes:
        shape: nodes along x and y.
        spacing: ``(2,)`` (Å).
        wavevectors: ``(nx, ny/2 + 1, 2)`` (1/Å), as of a real transform.
    """

    def __init__(self, symbols: Array, shape: tuple[int, int], spacing: Array, density: float):
        """Take L at :func:`half_wavevectors`.

        Args:
            symbols: L(k) ``(nx, ny/2 + 1, 2, 2)`` (TPa/Å²), symmetric.
            density: ρ (g/cm³).

        Raises:
            InputError: the density is not positive, or a wave would grow instead of oscillate.
        """
        if not density > 0:
            raise InputError(f"a density of {density:g} g/cm³: must be above 0")
        self.shape, self.spacing = shape, np.asarray(spacing, dtype=float)
        self.wavevectors = half_wavevectors(shape, self.spacing)
        # accelerations per displacement (1/ps²)
        self._rate = symbols * (UNIT / density)
        self._modulus = density / UNIT
        squares, self._branches = np.linalg.eigh(self._rate)
        squares[0, 0] = 0.0  # moving as a whole costs nothing
        if squares.min() < -1e-9 * squares.max():
            x, y = self.wavevectors[np.unravel_index(squares.min(axis=-1).argmin(), squares.shape[:2])]
            raise InputError(
                f"the wave with k = ({x:.3g}, {y:.3g})/Å has a negative stiffness: it would grow without "
                "bound; the model is not solvable on these nodes"
            )
        self._squares = np.maximum(squares, 0.0)

    @classmethod
    def of(
        cls, material: LinearPeridynamicSolid, shape: tuple[int, int], spacing: Array, density: float
    ) -> "Medium":
        """A peridynamic solid on a grid of its own spacing."""
        k = half_wavevectors(shape, spacing).reshape(-1, 2)
        grid = uniform(
            (float(spacing[0]), float(spacing[1])), material.influence.horizon, material.quadrature
        )
        symbols = operator(material, rings(grid, k)).reshape(shape[0], -1, 2, 2)
        return cls(symbols, shape, spacing, density)

    @classmethod
    def local(
        cls, elasticity: GradientElasticity, shape: tuple[int, int], spacing: Array, density: float
    ) -> "Medium":
        """Classical or gradient elasticity, exact in space."""
        k = half_wavevectors(shape, spacing).reshape(-1, 2)
        symbols = elasticity.symbol(k, np.asarray(spacing)).reshape(shape[0], -1, 2, 2)
        return cls(symbols, shape, spacing, density)

    @property
    def stable_step(self) -> float:
        """The time step (ps) beyond which Verlet grows without bound: 2/ω of the fastest wave."""
        return float(2 / np.sqrt(self._squares.max()))

    def frequencies(self, branch: int) -> Array:
        """ω ``(nx, ny/2 + 1)`` (1/ps) of the slower (0) or the faster branch (1)."""
        return np.asarray(np.sqrt(self._squares[..., branch]))

    def run(self, u: Array, v: Array, step: float, steps: int, every: int) -> Iterator[State]:
        """States at the start and after each ``every`` of ``steps`` steps of ``step`` (ps).

        Args:
            u, v: ``(nx, ny, 2)`` (Å, Å/ps).

        Raises:
            InputError: the step is beyond what is stable.
        """
        if not 0 < step < self.stable_step:
            raise InputError(
                f"a time step of {step:g} ps: must be above 0 and below {self.stable_step:.4g} ps, beyond "
                "which the fastest wave of these nodes grows without bound"
            )
        a = self.acceleration(u)
        yield self._state(0.0, u, v, a, step)
        for count in range(1, steps + 1):
            half = v + 0.5 * step * a
            u = u + step * half
            a = self.acceleration(u)
            v = half + 0.5 * step * a
            if count % every == 0:
                yield self._state(count * step, u, v, a, step)

    def acceleration(self, u: Array) -> Array:
        """−L u/ρ ``(nx, ny, 2)`` (Å/ps²)."""
        spectrum = fft.rfft2(u, axes=(0, 1))
        image = np.einsum("xyij,xyj->xyi", self._rate, spectrum)
        return -np.asarray(fft.irfft2(image, s=self.shape, axes=(0, 1)))

    def _state(self, time: float, u: Array, v: Array, a: Array, step: float) -> State:
        # Verlet's own invariant: the energy itself swings by (ω τ)²/8 about it
        energy = 0.5 * (v**2).sum() - 0.5 * (u * a).sum() - step**2 / 8 * (a**2).sum()
        return State(time, u, v, float(energy * self._modulus))

    def packet(
        self, k: Array, branch: int, centre: Array, width: float, amplitude: float
    ) -> tuple[Array, Array]:
        """A wave packet that travels along ``k``: displacements and velocities ``(nx, ny, 2)``.

        Args:
            k: ``(2,)`` of its carrier, one of the grid's wave vectors (1/Å).
            branch: the slower (0) or the faster one (1).
            centre: ``(2,)`` (Å).
            width: standard deviation of the envelope along k (Å); across k it is a plane wave.
            amplitude: largest displacement (Å).
        """
        # a real transform holds one of each pair ±k; the field of −k that goes the other way is the same
        held = -1.0 if k[1] < 0 else 1.0
        size = float(np.linalg.norm(k))
        normal = held * np.asarray(k) / size
        right = np.array([normal[1], -normal[0]])
        along, across = self.wavevectors @ normal, self.wavevectors @ right
        # a plane wave across has wave vectors on the line of its carrier alone
        line = (np.abs(across) < 1e-9 * size) & (along > 0)
        envelope = np.where(line, np.exp(-0.5 * width**2 * (along - size) ** 2), 0.0)
        direction = self._branches[..., branch]
        # eigenvectors have no sign of their own, and must not jump from one wave vector to the next
        carrier = direction[self._nearest(held * np.asarray(k))]
        sense = normal if abs(carrier @ normal) > abs(carrier @ right) else right
        amplitudes = envelope * np.exp(-1j * (self.wavevectors @ centre)) * np.sign(direction @ sense)
        u = amplitudes[..., None] * direction
        v = -1j * held * self.frequencies(branch)[..., None] * u
        fields = [np.asarray(fft.irfft2(part, s=self.shape, axes=(0, 1))) for part in (u, v)]
        scale = amplitude / np.linalg.norm(fields[0], axis=-1).max()
        return fields[0] * scale, fields[1] * scale

    def _nearest(self, k: Array) -> tuple[int, int]:
        away = np.linalg.norm(self.wavevectors - k, axis=-1)
        x, y = np.unravel_index(away.argmin(), away.shape)
        return int(x), int(y)


def half_wavevectors(shape: tuple[int, int], spacing: Array) -> Array:
    """Wave vectors of a real transform of ``shape``, ``(nx, ny/2 + 1, 2)`` (1/Å)."""
    kx = 2 * np.pi * fft.fftfreq(shape[0], spacing[0])
    ky = 2 * np.pi * fft.rfftfreq(shape[1], spacing[1])
    return np.stack(np.meshgrid(kx, ky, indexing="ij"), axis=-1)

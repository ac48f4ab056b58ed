"""Waves of continuum models beside those of LAMMPS: speeds and arrivals of packets, and the shape of a pulse.

All start from the averaged displacements of the MD at the first frame, each model's packet with the
velocities with which the model's own waves go one way.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ...core.errors import InputError
from ...core.units import TPA_PER_A2_OVER_G_PER_CM3_IN_PER_PS2 as UNIT
from ...lps import stencil, symbol
from ...lps.local import GradientElasticity
from ...lps.material import LinearPeridynamicSolid
from ...lps.waves import Medium
from .wave_md import BRANCHES, LONGITUDINAL

Array = NDArray[np.float64]
Model = LinearPeridynamicSolid | GradientElasticity

_FRACTION = 0.05  # of the stable step: Verlet's own shift of ω is then 1e-4 at most
# of the displacement that the atoms were given, what must be left of it after averaging
_SEEN = 0.02
_ENERGY_STEPS = 10_000


def medium(model: Model, shape: tuple[int, int], spacing: Array, density: float) -> Medium:
    """A model with inertia on a periodic grid."""
    if isinstance(model, LinearPeridynamicSolid):
        return Medium.of(model, shape, spacing, density)
    return Medium.local(model, shape, spacing, density)


def packets(
    models: Mapping[str, Model],
    md: Mapping[str, Array],
    branch: str,
    spacing: Array,
    path: float,
    given: float,
) -> dict[str, Any]:
    """Speeds and arrivals of one branch's packet in the MD and in all models, and the last profiles.

    Args:
        models: by name.
        md: u ``(frames, nx, 2)`` (Å), times ``(frames,)`` (ps) and density (g/cm³), of LAMMPS.
        branch: its name.
        spacing: ``(2,)`` of the model's nodes (Å).
        path: (Å) after which a packet has arrived.
        given: amplitude of the atoms (Å).

    Raises:
        InputError: averaging has taken the wave away.
    """
    u, times = md["u"], md["times"]
    component = 0 if BRANCHES[branch] == LONGITUDINAL else 1
    if np.abs(u[0]).max() < _SEEN * given:
        raise InputError(
            f"'wave.wavelength_A': of a packet of {given:g} Å the averages hold {np.abs(u[0]).max():.2g} Å: "
            "the kernel of [coarse] takes such short waves away; choose longer ones, a 'gaussian' kernel, or "
            "a smaller radius_A"
        )
    length = len(u[0]) * float(spacing[0])
    fields = {"md": u[..., component]}
    for name, model in models.items():
        solid = medium(model, (len(u[0]), 1), spacing, float(md["density"]))
        start = u[0][:, None, :]
        frames = evolved(solid, start, forward(solid, start, BRANCHES[branch]), times)
        fields[name] = frames[:, :, 0, component]
    result: dict[str, Any] = {name: _travel(field, times, length, path) for name, field in fields.items()}
    # the MD itself has nothing to be compared with
    for name in models:
        result[name]["arrival_off"] = result[name]["arrival_ps"] / result["md"]["arrival_ps"] - 1
    arrived = int(np.argmin(np.abs(times - result["md"]["arrival_ps"])))
    x = spacing[0] * (np.arange(len(u[0])) + 0.5) - 0.5 * length
    profiles = {name: field[arrived].tolist() for name, field in fields.items()}
    return result | {"profiles": profiles | {"x_A": x.tolist(), "time_ps": float(times[arrived])}}


def pulse(
    models: Mapping[str, Model], md: Mapping[str, Array], spacing: Array
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Relative errors of the pulse at each frame, by model, and all frames ``(frames, nx, ny, 2)``."""
    u, times = md["u"], md["times"]
    fields = {"md": u}
    errors: dict[str, Any] = {"times_ps": times.tolist()}
    for name, model in models.items():
        solid = medium(model, u.shape[1:3], spacing, float(md["density"]))
        fields[name] = evolved(solid, u[0], np.zeros_like(u[0]), times)
        off = np.linalg.norm((fields[name] - u).reshape(len(u), -1), axis=1)
        errors[name] = (off / np.linalg.norm(u.reshape(len(u), -1), axis=1)).tolist()
    return errors, fields


def forward(solid: Medium, u: Array, branch: int) -> Array:
    """Velocities ``(nx, 1, 2)`` with which a profile along x, of one branch, travels towards +x."""
    spectrum = fft.rfft2(u, axes=(0, 1))
    turn = -1j * np.sign(solid.wavevectors[..., 0]) * solid.frequencies(branch)
    return np.asarray(fft.irfft2(turn[..., None] * spectrum, s=solid.shape, axes=(0, 1)))


def evolved(solid: Medium, u: Array, v: Array, times: Array) -> Array:
    """Displacements ``(frames, nx, ny, 2)`` at evenly spaced ``times`` that begin with 0."""
    between = float(times[1] - times[0])
    parts = int(np.ceil(between / (_FRACTION * solid.stable_step)))
    states = solid.run(u, v, between / parts, parts * (len(times) - 1), parts)
    return np.array([state.u for state in states])


def checks(
    solid: LinearPeridynamicSolid, count: int, index: int, spacing: Array, density: float
) -> dict[str, float]:
    """How well a solution in time keeps frequencies and energy.

    The frequency of a standing wave follows from three successive values of its amplitude, and is compared
    with the symbol's, after Verlet's own shift: sin(Ω τ/2) = ω τ/2.

    Args:
        solid: the model.
        count: nodes of the strip.
        index: whole waves along it.
        spacing: ``(2,)`` (Å).
        density: (g/cm³).
    """
    line = Medium.of(solid, (count, 1), spacing, density)
    k = np.array([[2 * np.pi * index / (count * spacing[0]), 0.0]])
    grid = stencil.uniform((float(spacing[0]), float(spacing[1])), solid.influence.horizon, solid.quadrature)
    matrix = symbol.operator(solid, symbol.rings(grid, k))[0]
    x = spacing[0] * np.arange(count)
    step = 0.3 * line.stable_step
    worst = 0.0
    for component in (0, 1):
        start = np.zeros((count, 1, 2))
        # along an axis of the grid the branches are the components
        start[:, 0, component] = np.cos(k[0, 0] * x)
        amplitudes = np.array(
            [(state.u * start).sum() for state in line.run(start, np.zeros_like(start), step, 400, 1)]
        )
        middle = amplitudes[1:-1]
        cosine = 0.5 * float((amplitudes[2:] + amplitudes[:-2]) @ middle / (middle @ middle))
        # of Verlet: cos Ωτ = 1 − (ωτ)²/2
        omega = np.sqrt(2 * (1 - cosine)) / step
        worst = max(worst, abs(omega / np.sqrt(matrix[component, component] * UNIT / density) - 1))
    u = np.random.default_rng(0).standard_normal((count, 1, 2))
    states = line.run(u, np.zeros_like(u), 0.5 * line.stable_step, _ENERGY_STEPS, _ENERGY_STEPS // 20)
    energies = np.array([state.energy for state in states])
    return {
        "frequency_off": float(worst),
        "energy_off": float(np.ptp(energies) / energies[0]),
        "energy_steps": _ENERGY_STEPS,
        "stable_step_ps": line.stable_step,
    }


def _travel(field: Array, times: Array, length: float, path: float) -> dict[str, float]:
    """Speed (Å/ps) of a packet's middle, of ``field`` ``(frames, nx)``, and when it has gone ``path`` (Å)."""
    places = np.array([_middle(profile) for profile in field]) * length
    gone = np.unwrap(places, period=length)
    gone -= gone[0]
    if gone[-1] < path:
        raise InputError(
            f"'wave.path_A' = {path:g}: after {times[-1]:.3g} ps a packet has gone {gone[-1]:.4g} Å; give a "
            "shorter path, or longer waves"
        )
    return {
        "speed_A_per_ps": float(np.polyfit(times, gone, 1)[0]),
        "arrival_ps": float(np.interp(path, gone, times)),
    }


def _middle(profile: Array) -> float:
    """Centroid of a packet's envelope to the fourth power, as a fraction of the period."""
    spectrum = fft.fft(profile)
    # the analytic signal: its modulus is the envelope
    spectrum[len(profile) // 2 :] = 0.0
    spectrum[0] = 0.0
    envelope = np.abs(fft.ifft(spectrum))
    phase = np.exp(2j * np.pi * np.arange(len(profile)) / len(profile))
    return float(np.angle((envelope**4 * phase).sum()) / (2 * np.pi) % 1.0)

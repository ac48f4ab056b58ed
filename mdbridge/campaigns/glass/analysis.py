"""Numbers of a glass campaign, from glass.h5 alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import store
from ...fields import shifts
from .formats import GLASS
from .results import STRESSES

Array = NDArray[np.float64]

ELASTIC = 0.015
"""The elastic slope is fitted up to this strain."""
FLOW = 0.6
"""The flow stress is the mean over strains beyond this part of the largest."""
MODULI = ("mu_GPa", "mu_error_GPa", "bulk_GPa", "bulk_error_GPa", "modulus_strain")
"""What the separate test of small strains gave, where there was one."""


@dataclass(frozen=True)
class Curve:
    """A stress–strain curve and what is read off it.

    Attributes:
        gamma, stress: ``(n,)`` net strain, σ_xy.
        slope, slope_error: of the straight line up to :data:`ELASTIC`; NaN with fewer than three points.
        offset: its value at γ = 0.
        flow, flow_error: mean and its standard error where the stress has become steady.
    """

    gamma: Array
    stress: Array
    slope: float
    slope_error: float
    offset: float
    flow: float
    flow_error: float

    @classmethod
    def of(cls, gamma: Array, stress: Array) -> "Curve":
        """Read a curve."""
        early = gamma <= ELASTIC
        slope = offset = error = np.nan
        # two points are a line without an error
        if early.sum() >= 3 and np.ptp(gamma[early]) > 0:
            (slope, offset), covariance = np.polyfit(gamma[early], stress[early], 1, cov="unscaled")
            left = stress[early] - slope * gamma[early] - offset
            # neighbouring points share their thermal noise: count the independent ones
            error = np.sqrt(covariance[0, 0] * _independent(left) * (left @ left) / max(1, early.sum() - 2))
        late = stress[gamma >= FLOW * gamma.max()]
        # as above: of the points that are independent
        flow_error = late.std() * np.sqrt(_independent(late - late.mean()) / len(late))
        return cls(
            gamma, stress, float(slope), float(error), float(offset), float(late.mean()), float(flow_error)
        )

    def peak(self) -> tuple[float, float]:
        """Strain and stress at the highest point of the curve smoothed over Δγ = 0.01, or 2 % of γ."""
        width = max(1, int(np.sum(self.gamma <= self.gamma[0] + 0.01 * max(1.0, self.gamma.max() / 0.5))))
        # the highest of many noisy points lies above the curve: a mean over some of them does not
        smooth = np.convolve(self.stress, np.ones(width) / width, "valid")
        # the strains are averaged alike, so that a steady slope shifts nothing
        middle = np.convolve(self.gamma, np.ones(width) / width, "valid")
        top = int(smooth.argmax())
        return float(middle[top]), float(smooth[top])


def _independent(noise: Array) -> float:
    """Points that carry the information of one: 1 + 2 Σ of the autocorrelation, up to its first zero."""
    noise = noise - noise.mean()
    power = noise @ noise
    total = 1.0
    for lag in range(1, len(noise) // 3):
        alike = float(noise[lag:] @ noise[:-lag] / power) if power > 0 else 0.0
        # beyond its first zero an autocorrelation is noise, whose sum would grow with the length
        if alike <= 0:
            break
        total += 2 * alike
    return total


def at_centres(corners: Array) -> Array:
    """A field ``(…, ny, nx)`` known at the corners of periodic cells, at their centres: the mean of four."""
    right, above = np.roll(corners, -1, axis=-1), np.roll(corners, -1, axis=-2)
    return 0.25 * (corners + right + above + np.roll(right, -1, axis=-2))


def stress_strain(file: store.Reader) -> Curve:
    """The curve of the whole box."""
    curve = file.group("curve")
    return Curve.of(curve.get("gamma"), curve.get("stress")[:, STRESSES.index("xy")])


def summarise(path: Path) -> dict[str, Any]:
    """The contents of summary.json, JSON-able but for numpy's numbers.

    Raises:
        FileError: glass.h5 is not there, or not what it should be.
    """
    with store.reading(path, GLASS) as file:
        known, gamma = file.attributes(), file.get("gamma")
        curve = stress_strain(file)
        peak_strain, peak = curve.peak()
        energy, free = file.get("potential_energy"), file.get("energy_mean_composition")
        exy = file.get("Exy")
        summary = {
            "natoms": file.attribute("natoms", int),
            "box": file.get("box"),
            "length_unit": file.units("box"),
            "frames": len(gamma),
            "strain_reached": gamma[-1],
            "stress_unit": file.units("curve/stress"),
            "elastic_slope": curve.slope,
            "elastic_slope_error": curve.slope_error,
            "stress_at_rest": curve.offset,
            "peak_stress": peak,
            "strain_at_peak": peak_strain,
            "flow_stress": curve.flow,
            "flow_stress_error": curve.flow_error,
            "overshoot": peak / curve.flow - 1,
            # the box's own E_xy is γ/2: 1 says that the fit of the local strain is not biased
            "mean_Exy_over_half_gamma": exy[-1].mean() / (gamma[-1] / 2) if gamma[-1] else None,
            "largest_Exy": exy[-1].max(),
            **_localisation(exy[-1], gamma[-1], file.get("box")),
            "energy_unit": file.units("potential_energy"),
            "energy_per_atom_first_last": [energy[k].mean() for k in (0, -1)],
            "energy_per_atom_at_rest": file.get("curve/potential_energy")[0] / file.attribute("natoms", int),
            # changes of type leave numbers of atoms that are not quite equal, and energies with them
            "type_fraction": file.get("type_fraction")[0],
            "energy_spread_first": energy[0].std(),
            "energy_mean_composition_spread_first": free[0].std(),
            "energy_strain_correlation": _energy_and_strain(exy, free, gamma),
            "seconds": {name[8:]: value for name, value in known.items() if name.startswith("seconds_")},
        }
    # a script of one's own has no separate test of the moduli
    summary |= {name: known[name] for name in MODULI if name in known}
    if "mu_GPa" in known:
        summary["slope_over_modulus"] = curve.slope / known["mu_GPa"]
    return summary


def _localisation(exy: Array, gamma: float, box: Array) -> dict[str, Any]:
    """How uneven the strain is, and how wide a band would be that has all of it.

    The variation is the standard deviation of the strain over its mean.  The width of a band along x is
    that of the height which takes part, L_y (Σ e)² / (n Σ e²) of the means e of the n rows: all of the height
    where these are equal, that of a single row which has all the strain; strain beside the band, the elastic
    one too, counts.  Bands along y are as likely; the width told is of the direction in which the strain is
    gathered more.
    """
    mean = exy.mean()
    if abs(gamma) < 1e-9 or not mean:  # what is left is round-off or heat
        return {"strain_variation": None, "band_width": None, "band_width_share": None, "band_along": None}
    shares = {}
    for along, axis in (("x", 1), ("y", 0)):
        rows = exy.mean(axis=axis)
        shares[along] = float(rows.mean() ** 2 / np.mean(rows**2))
    along = min(shares, key=lambda name: shares[name])
    across = {"x": 1, "y": 0}[along]
    return {
        "strain_variation": exy.std() / abs(mean),
        "band_width": shares[along] * box[across],
        "band_width_share": shares[along],
        "band_along": along,
    }


def _energy_and_strain(exy: Array, energy: Array, gamma: Array) -> dict[str, Any]:
    """How the strain at γ = 0.1 follows the energy at rest, and the energy gained until then the strain."""
    frame = int(np.abs(gamma - 0.1).argmin())
    strain = at_centres(exy[frame])
    told: dict[str, Any] = {"gamma": gamma[frame]}
    fields = {"energy_at_rest": energy[0], "energy_gained": energy[frame] - energy[0]}
    for name, field in fields.items():
        shifted = shifts.correlation(field, strain)
        # no correlation goes without what it is worth
        told[name] = shifted and shifted.r
        told[f"{name}_p"] = shifted and shifted.p
    return told

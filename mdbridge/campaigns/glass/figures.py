"""Figures and numbers of a glass campaign, from glass.h5 alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ...core import plots
from ...fields import fieldset

Array = NDArray[np.float64]

KIND = "mdbridge-glass-1"
MAPPED = (0.09, 0.18, 0.25, 0.35, 0.50)
"""Net strains of the maps; those of [Kontolati2021, Figures 9, 10]."""
ELASTIC = 0.015
"""The elastic slope is fitted up to this strain."""
FLOW = 0.6
"""The flow stress is the mean over strains beyond this part of the largest."""

_NAMES = {
    "potential_energy": "energy per atom",
    "energy_mean_composition": "energy per atom at mean composition",
    "Exy": "$E_{xy}$",
    "D2min": "$D^2_{min}$",
}


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
        if early.sum() >= 3 and np.ptp(gamma[early]) > 0:
            (slope, offset), covariance = np.polyfit(gamma[early], stress[early], 1, cov="unscaled")
            left = stress[early] - slope * gamma[early] - offset
            # neighbouring points share their thermal noise: count the independent ones
            error = np.sqrt(covariance[0, 0] * _independent(left) * (left @ left) / max(1, early.sum() - 2))
        late = stress[gamma >= FLOW * gamma.max()]
        flow_error = late.std() * np.sqrt(_independent(late - late.mean()) / len(late))
        return cls(
            gamma, stress, float(slope), float(error), float(offset), float(late.mean()), float(flow_error)
        )

    def peak(self) -> tuple[float, float]:
        """Strain and stress at the highest point of the curve smoothed over Δγ = 0.01."""
        width = max(1, int(np.sum(self.gamma <= self.gamma[0] + 0.01 * max(1.0, self.gamma.max() / 0.5))))
        smooth = np.convolve(self.stress, np.ones(width) / width, "valid")
        middle = np.convolve(self.gamma, np.ones(width) / width, "valid")
        top = int(smooth.argmax())
        return float(middle[top]), float(smooth[top])


def _independent(noise: Array) -> float:
    """Points that carry the information of one: 1 + 2 Σ of the autocorrelation, up to its first zero."""
    noise = noise - noise.mean()
    power = noise @ noise
    total = 1.0
    for lag in range(1, len(noise) // 3):
        correlation = noise[lag:] @ noise[:-lag] / power if power > 0 else 0.0
        if correlation <= 0:
            break
        total += 2 * correlation
    return total


def draw(store: Path, out: Path) -> dict[str, Any]:
    """Draw the figures into ``out`` and return the summary.

    Writes maps_energy, maps_composition_free, maps_strain, maps_d2min, stress_strain,
    flow (.png), one map for every extra field, and quench.png where there is a history.
    """
    with fieldset.reading(store, KIND) as file:
        gamma = file["gamma"][:]
        shown = _shown(gamma)
        length = file["box"].attrs["units"]
        box = file["box"][:2]
        for name, path in (
            ("potential_energy", "maps_energy.png"),
            ("energy_mean_composition", "maps_energy_mean_composition.png"),
            ("Exy", "maps_strain.png"),
            ("D2min", "maps_d2min.png"),
            *((name, f"maps_{name}.png") for name in file.attrs["extra"]),
        ):
            _maps(file[name], gamma, shown, box, length, out / path)
        curve = Curve.of(file["curve/gamma"][:], file["curve/stress"][:, 3])
        stress_unit = file["curve/stress"].attrs["units"]
        if np.ptp(curve.gamma) > 0:
            _stress_strain(curve, file.attrs, stress_unit, out / "stress_strain.png")
        _flow(file, gamma, box, length, out / "flow.png")
        if "history" in file:
            _quench(file, out / "quench.png")
        return _summary(file, curve)


def _shown(gamma: Array) -> list[int]:
    """Frames to draw: at the published strains, or evenly spread where the strain does not go that far."""
    if gamma.max() < 0.98 * MAPPED[-1]:
        return sorted({round(k) for k in np.linspace(0, len(gamma) - 1, 5)})
    return [int(np.abs(gamma - strain).argmin()) for strain in MAPPED]


def _maps(
    data: h5py.Dataset, gamma: Array, shown: Sequence[int], box: Array, length: str, path: Path
) -> None:
    name = data.name.strip("/")
    unit = "" if data.attrs["units"] == "1" else f" ({data.attrs['units'].replace('angstrom', 'Å')})"
    title = _NAMES.get(name, name) + unit
    with plots.figure(path, 1.75 * len(shown) + 0.3, 3.0, ncols=len(shown), squeeze=False, sharey=True) as (
        fig,
        axes,
    ):
        for k, panel in zip(shown, axes[0], strict=True):
            image = panel.imshow(
                data[k], origin="lower", extent=(0, box[0], 0, box[1]), cmap=plots.SEQUENTIAL, aspect="equal"
            )
            bar = fig.colorbar(image, ax=panel, orientation="horizontal", pad=0.02, aspect=15)
            bar.ax.locator_params(nbins=3)
            bar.ax.tick_params(labelsize=7)
            bar.formatter.set_useOffset(False)
            panel.set_title(f"$\\gamma$ = {gamma[k]:.2f}")
            panel.set_xlabel(f"X ({_short(length)})")
            plots.bare(panel)
        axes[0, 0].set_ylabel(f"Y ({_short(length)})")
        fig.suptitle(title, fontsize=10)


def _short(unit: str) -> str:
    return unit.replace("angstrom", "Å")


def _stress_strain(curve: Curve, known: Any, unit: str, path: Path) -> None:
    peak_strain, peak = curve.peak()
    with plots.figure(path, 5.2, 3.4) as (_, axes):
        axes.plot(curve.gamma, curve.stress, color=plots.BLUE, linewidth=0.9, label="MD")
        reach = np.array([0.0, 1.15 * peak / curve.slope]) if curve.slope > 0 else np.zeros(0)
        if len(reach):
            label = f"slope up to $\\gamma$ = {ELASTIC:g}: {curve.slope:.1f} {unit}"
            axes.plot(reach, curve.offset + curve.slope * reach, color=plots.RED, linestyle="--", label=label)
        if "mu_GPa" in known:
            mu = known["mu_GPa"]
            label = f"small-strain test: $\\mu$ = {mu:.1f} ± {known['mu_error_GPa']:.1f} GPa"
            strain = np.array([0.0, 1.15 * peak / mu])
            axes.plot(strain, curve.offset + mu * strain, color="black", linestyle=":", label=label)
        axes.axhline(
            curve.flow, color=plots.GREY, linewidth=0.8, label=f"flow stress {curve.flow:.2f} {unit}"
        )
        axes.plot(peak_strain, peak, "o", color=plots.ORANGE, markersize=4, label=f"peak {peak:.2f} {unit}")
        axes.set_xlabel("net shear strain $\\gamma$")
        axes.set_ylabel(f"shear stress $\\sigma_{{xy}}$ ({unit})")
        axes.legend(loc="lower right")


def _flow(file: h5py.File, gamma: Array, box: Array, length: str, path: Path) -> None:
    """Profiles across the box at the end: averaged along x."""
    last = slice(-max(1, len(gamma) // 10), None)
    ny = file["Exy"].shape[1]
    centres, corners = (np.arange(ny) + 0.5) * box[1] / ny, np.arange(ny) * box[1] / ny
    columns = (
        (
            file["velocity"][last, :, :, 0].mean(axis=(0, 2)),
            centres,
            f"$v_x$ beyond the box's ({_unit(file['velocity'])})",
        ),
        (file["Exy"][-1].mean(axis=1), corners, "$E_{xy}$"),
        (file["temperature"][last].mean(axis=(0, 2)), centres, f"temperature ({_unit(file['temperature'])})"),
        (file["density"][last].mean(axis=(0, 2)), centres, f"density ({_unit(file['density'])})"),
    )
    with plots.figure(path, 8.4, 2.8, ncols=4, sharey=True) as (_, axes):
        for panel, (values, y, label) in zip(axes, columns, strict=True):
            panel.plot(values, y, color=plots.BLUE)
            panel.set_xlabel(label)
            panel.locator_params(axis="x", nbins=4)
        axes[1].axvline(gamma[-1] / 2, color=plots.GREY, linestyle=":", label="$\\gamma/2$")
        axes[1].legend()
        axes[0].set_ylabel(f"Y ({_short(length)})")


def _unit(data: h5py.Dataset) -> str:
    return _short(data.attrs["units"])


def _quench(file: h5py.File, path: Path) -> None:
    """Temperature and energy during the preparation, and the energy over the temperature of the quench."""
    natoms, timestep = file.attrs["natoms"], file.attrs["timestep"]
    stages = [name for name in ("melt", "liquid", "quench", "relax") if name in file["history"]]
    colours = dict(zip(stages, (plots.RED, plots.ORANGE, plots.BLUE, plots.GREEN), strict=False))
    with plots.figure(path, 8.4, 2.8, ncols=3) as (_, axes):
        for name in stages:
            step, _, temperature, energy, *_ = file[f"history/{name}"][:].T
            time = step * timestep
            axes[0].plot(time, temperature, color=colours[name], label=name)
            axes[1].plot(time, energy / natoms, color=colours[name])
            if name == "quench":
                axes[2].plot(temperature, energy / natoms, color=colours[name])
                axes[2].set_xlabel("temperature (K)")
                axes[2].set_ylabel("energy per atom (eV)")
                axes[2].set_title("quench")
        axes[0].set_ylabel("temperature (K)")
        axes[1].set_ylabel("energy per atom (eV)")
        for panel in axes[:2]:
            panel.set_xlabel("time (ps)")
        axes[0].legend()


def correlation(one: Array, other: Array) -> float | None:
    """Of two fields; None where one of them does not vary."""
    one, other = one - one.mean(), other - other.mean()
    size = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / size) if size > 1e-12 * np.sqrt(one.size) else None


def _energy_and_strain(file: h5py.File, gamma: Array) -> dict[str, Any]:
    """How the strain at γ = 0.1 follows the energy at rest, and the energy gained until then the strain."""
    frame = int(np.abs(gamma - 0.1).argmin())
    corners = file["Exy"][frame]
    right, above = np.roll(corners, -1, axis=1), np.roll(corners, -1, axis=0)
    strain = 0.25 * (corners + right + above + np.roll(right, -1, axis=0))
    first, energy = (file["energy_mean_composition"][k] for k in (0, frame))
    return {
        "gamma": gamma[frame],
        "energy_at_rest": correlation(first, strain),
        "energy_gained": correlation(energy - first, strain),
    }


def _summary(file: h5py.File, curve: Curve) -> dict[str, Any]:
    known = file.attrs
    unit = file["curve/stress"].attrs["units"]
    peak_strain, peak = curve.peak()
    gamma = file["gamma"][:]
    mean_strain = file["Exy"][:].mean(axis=(1, 2))
    summary = {
        "natoms": int(known["natoms"]),
        "box": file["box"][:],
        "length_unit": file["box"].attrs["units"],
        "frames": len(gamma),
        "strain_reached": gamma[-1],
        "stress_unit": unit,
        "elastic_slope": curve.slope,
        "elastic_slope_error": curve.slope_error,
        "stress_at_rest": curve.offset,
        "peak_stress": peak,
        "strain_at_peak": peak_strain,
        "flow_stress": curve.flow,
        "flow_stress_error": curve.flow_error,
        "overshoot": peak / curve.flow - 1,
        "mean_Exy_over_half_gamma": mean_strain[-1] / (gamma[-1] / 2) if gamma[-1] else None,
        "largest_Exy": file["Exy"][-1].max(),
        "energy_per_atom_first_last": [file["potential_energy"][k].mean() for k in (0, -1)],
        "energy_spread_first": file["potential_energy"][0].std(),
        "energy_mean_composition_spread_first": file["energy_mean_composition"][0].std(),
        "energy_strain_correlation": _energy_and_strain(file, gamma),
        "seconds": {name[8:]: value for name, value in known.items() if name.startswith("seconds_")},
    }
    for name in ("mu_GPa", "mu_error_GPa", "bulk_GPa", "bulk_error_GPa", "modulus_strain"):
        if name in known:
            summary[name] = known[name]
    if "mu_GPa" in known:
        summary["slope_over_modulus"] = curve.slope / known["mu_GPa"]
    return summary

"""From glass.h5 to a calibrated STZ model: the reference files, the calibration's input, and the comparison.

The calibration gets an input file of its own, which ``mdbridge calibrate`` also
takes.  Nothing in it is guessed: the box, the shear rate, μ and K are the MD's,
and so are the bounds of s_y and E0, through its flow stress and energies.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from mpi4py import MPI
from numpy.typing import NDArray

from ...core import parallel, stages, store
from ...core.errors import InputError, MdbridgeError
from ...core.files import digest, read_json, write_json, write_text
from ...core.identity import Identity
from ...core.stages import Product
from ...core.workspace import Workspace
from ...fields.storage import PLANE, put_plane
from ...stz.calibration_model import forward
from ...stz.energies import DATASET, UNITS
from ...stz.ratelaw import PS_PER_S, effective_temperature
from ..calibrate import stages as calibration
from . import chain_figures as figures
from . import comparison, predictors
from .analysis import stress_strain
from .formats import CHAIN, GLASS, REFERENCE
from .input import Calibrate

Array = NDArray[np.float64]

COMPARED = (0.09, 0.15, 0.18, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50)
"""Net strains at which the report compares fields, those of [Kontolati2021, Figures 9, 10] among them."""


def product(comm: MPI.Comm, workspace: Workspace, settings: Calibrate, identity: Identity) -> Product:
    """The calibration of the STZ model to the fields and the stress of the glass.

    It runs in a folder of its own under its key, where its record outlives interruptions.
    """
    folder = place(workspace, identity)

    def work(staged: Path) -> None:
        parallel.on_root(comm, lambda: _prepare(settings, workspace.root / "glass.h5", folder))
        # an interrupted calibration goes on: its record is the state
        resume = parallel.on_root(comm, (folder / "trials.jsonl").exists)
        calibration.run(comm, folder / "calibration.toml", folder, (), resume)
        parallel.on_root(
            comm, lambda: write_json(staged / "calibrated.json", read_json(folder / "summary.json"))
        )

    return Product("calibrate", identity, ("calibrated.json",), work)


def place(workspace: Workspace, identity: Identity) -> Path:
    """The folder of a calibration."""
    return workspace.root / "calibration" / identity.key


def report(
    workspace: Workspace, settings: Calibrate, calibrated: Product, glass: Path, out: Path
) -> dict[str, Any]:
    """Compare the calibrated model with the MD; writes chain.h5 and figures, returns part of the summary.

    Raises:
        FileError: there is no calibration of this input yet.
    """
    search = read_json(stages.require(workspace, calibrated, "mdbridge run"))
    folder = place(workspace, calibrated.identity)
    best: dict[str, Any] = search["best"]
    md = _read(settings, glass)
    compared = _compared(settings, md)
    model = forward(**best, **_model_options(settings, md, folder) | {"strains": compared})
    frames = [_frame(s, md) for s in compared]
    energy = md["energy"][frames]
    # not effective_temperature, which refuses χ <= 0: later frames of the MD are shown as they are
    chi = best["beta"] * (energy - best["E0"])
    compare = {
        "md": {"Exy": md["exy"][frames], "T_eff": settings.e_z_K * chi, "shear_stress": md["stress"]},
        "model": {
            "Exy": model["Exy"],
            "T_eff": settings.e_z_K * model["chi"],
            "shear_stress": model["shear_stress"],
        },
    }
    _write_chain(out / "chain.h5", best, compared, md, compare)
    figures.draw(out / "chain.h5", out)
    both = md["exy"][frames], model["Exy"]
    curves = {"md": md["stress"], "model": model["shear_stress"]}
    return {
        "calibrated": best,
        "calibration_distance": search["distance"],
        "calibration_terms": search["terms"],
        "calibration_evaluations": search["evaluations"],
        **comparison.stresses(md["gamma"][1:], curves, md["flow"]),
        **comparison.fields(compared, *both),
        **comparison.differences(compared, *both, settings.strains),
    }


def strain_fields(
    settings: Calibrate, glass: Path, folder: Path, parameters: Mapping[str, Any]
) -> tuple[list[float], Array, Array]:
    """Strain fields of the MD and of the model with any parameters.

    Args:
        glass: glass.h5.
        folder: of a calibration to it, which has the fields that the model starts from.

    Returns:
        The net strains, and both Exy ``(strains, ny, nx)`` there.

    Raises:
        MdbridgeError: the model does not run with these parameters.
    """
    md = _read(settings, glass)
    compared = _compared(settings, md)
    model = forward(**parameters, **_model_options(settings, md, folder) | {"strains": compared})
    return compared, md["exy"][[_frame(s, md) for s in compared]], np.asarray(model["Exy"])


def least_energy(settings: Calibrate, glass: Path) -> float:
    """The least energy at rest (eV), from which E0 is counted."""
    return float(_read(settings, glass)["energy"][0].min())


def _compared(settings: Calibrate, md: Mapping[str, Any]) -> list[float]:
    """Strains of the paper that the run has a frame of, what was fitted, and what was not."""
    fitted = [_frame(strain, md) for strain in settings.strains]
    numbers = {_frame(s, md) for s in COMPARED if s <= md["max_strain"] * (1 + 1e-9) and _is_frame(s, md)}
    numbers |= {*fitted, *comparison.held_out(fitted)}
    return [_strain(number, md) for number in sorted(numbers)]


def _write_chain(
    path: Path,
    best: Mapping[str, float],
    strains: Sequence[float],
    md: Mapping[str, Any],
    compare: Mapping[str, Mapping[str, Array]],
) -> None:
    """Write chain.h5: the same fields and curve of both, a group each."""
    with store.writing(path, CHAIN, digest("chain 1", dict(best))) as file:
        file.attributes(**best, predictor=md["predictor"])
        _put_axes(file, md, strains)
        for source, values in compare.items():
            group = file.group(source)
            field = ("strain", *PLANE["corner"])
            group.put("Exy", values["Exy"], field, "1", "Green-Lagrange shear strain")
            group.put("T_eff", values["T_eff"], ("strain", *PLANE["cell"]), "K", "effective temperature")
            group.put("shear_stress", values["shear_stress"], ("gamma",), "GPa", "mean shear stress")
            if source == "md":
                what = "what the effective temperature at rest is a map of"
                group.put("energy_at_rest", md["energy"][0], PLANE["cell"], "eV", what)
        correlations = comparison.fields(strains, compare["md"]["Exy"], compare["model"]["Exy"])
        for name, what in (
            ("strain_field_correlation", "correlation of both strain fields"),
            ("strain_field_correlation_p", "part of the cyclic shifts that reach this correlation"),
        ):
            # a field that does not vary has none
            values_of = [np.nan if value is None else value for value in correlations[name].values()]
            file.put(name, values_of, ("strain",), "1", what)


def _put_axes(file: store.Group, md: Mapping[str, Any], strains: Sequence[float]) -> None:
    file.dimension("strain", list(strains), "1", "net strain of the fields")
    file.dimension("gamma", md["gamma"][1:], "1", "net strain of the frames")
    put_plane(file, md["box"], md["energy"].shape[1:], "angstrom")
    file.attributes(box_A=md["box"])


def _read(settings: Calibrate, path: Path) -> dict[str, Any]:
    """What the chain needs of the MD; stress at a frame is the mean of the curve's points about it."""
    with store.reading(path, GLASS) as file:
        gamma = file.get("gamma")
        curve = stress_strain(file)
        # the box that LAMMPS's forces see lags by a step; frames are named by the strain they are made at
        max_strain = file.attribute("max_strain", float)
        frame = np.rint(curve.gamma / max_strain * (len(gamma) - 1)).astype(int)
        # several points of the curve belong to a frame
        count = np.bincount(frame, minlength=len(gamma))
        return {
            "gamma": gamma,
            "max_strain": max_strain,
            "exy": file.get("Exy"),
            "predictor": settings.predictor,
            "energy": _energies(file, settings.predictor),
            "stress": (np.bincount(frame, curve.stress, minlength=len(gamma)) / count)[1:],
            "flow": curve.flow,
            # without the points that give it, a sample is taken to be at rest without stress
            "at_rest": curve.offset if np.isfinite(curve.offset) else 0.0,
            "box": file.get("box", "angstrom", (3,))[:2],
            "rate": file.attribute("rate_per_ps", float) * PS_PER_S,
            "mu": file.attribute("mu_GPa", float),
            "bulk": file.attribute("bulk_GPa", float),
        }


def _energies(file: store.Reader, predictor: str) -> Array:
    """What χ is a map of, frame by frame (eV): energies; another predictor takes the place of the first."""
    if predictor == "energy":
        return file.get("potential_energy", "eV")
    energy = file.get("energy_mean_composition", "eV")
    if predictor == "energy_mean_composition":
        return energy
    soft = predictors.softness(file, predictor)
    if soft is None:
        raise file.refusal("", f"holds no '{predictor}', which calibrate.predictor asks for; run again")
    # what becomes of a predictor under shear is not measured: χ∞ and later frames are those of energies
    return np.concatenate([predictors.as_energy(soft, energy[0])[None], energy[1:]])


def _prepare(settings: Calibrate, glass: Path, folder: Path) -> None:
    """Write the reference and the input of the calibration."""
    md = _read(settings, glass)
    for strain in settings.strains:
        if not _is_frame(strain, md):
            raise InputError(
                f"calibrate.strains: {strain} is none of the {len(md['gamma']) - 1} frames of the MD up to "
                f"{md['max_strain']:g}"
            )
    energy = md["energy"]
    try:
        # at the nearer bound of E0: else trials would fail one by one, after the MD
        effective_temperature(energy[0], 1.0, float(energy[0].min()) - min(settings.E0_below_eV))
    except MdbridgeError as error:
        raise InputError(f"calibrate.E0_below_eV = {settings.E0_below_eV}: {error}") from error
    _write_reference(folder, md, settings.strains)
    tables = tomli_w.dumps(_input(settings, md, folder))
    text = f"# Made by 'mdbridge run'; 'mdbridge calibrate' takes it as it is.\n{tables}"
    write_text(folder / "calibration.toml", text)


def _input(settings: Calibrate, md: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The tables of the calibration's input."""
    # the farther below, the lower: the pair comes in either order
    low_e0, high_e0 = (
        float(md["energy"][0].min()) - below for below in reversed(sorted(settings.E0_below_eV))
    )
    s_y = [fraction * md["flow"] for fraction in settings.s_y_of_flow]
    options = _model_options(settings, md, folder)
    names = {"energy_file", "final_energy_file"}
    return {
        "campaign": "calibrate",
        "model": "mdbridge.stz:forward",
        # names alone: input and fields lie in one folder, which may be moved
        "options": {k: Path(v).name if k in names else v for k, v in options.items()},
        "parameters": {
            "c0": _bounds(*settings.c0),
            "s_y": _bounds(*s_y) | {"unit": "GPa"},
            "beta": _bounds(*settings.beta_per_eV) | {"unit": "1/eV"},
            "E0": _bounds(low_e0, high_e0) | {"unit": "eV"},
        },
        "reference": {"file": "reference.h5"},
        "objective": [
            {
                "term": "grassmann",
                "field": "Exy",
                "weight": settings.strain_weight,
                "rank": settings.rank,
                "tolerance": settings.tolerance,
            },
            {"term": "l1", "curve": "shear_stress", "weight": settings.stress_weight},
        ],
        "ego": settings.ego.model_dump(exclude_none=True),
    }


def _model_options(settings: Calibrate, md: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Arguments of the model that are not calibrated; floats rounded, so that equal inputs read equal."""
    return {
        "energy_file": str(folder / "energy_first.h5"),
        "final_energy_file": str(folder / "energy_last.h5"),
        "strains": list(settings.strains),
        "frames": len(md["gamma"]) - 1,
        "max_strain": md["max_strain"],
        "rate": float(f"{md['rate']:.12g}"),
        "box": [float(f"{edge:.12g}") for edge in md["box"]],
        "mu": float(f"{md['mu']:.6g}"),
        "bulk": float(f"{md['bulk']:.6g}"),
        "eps0": settings.eps0,
        "tau0": settings.tau0_ps,
        "l_chi": settings.l_chi_A,
        "e_z": settings.e_z_K,
        "diffusion": settings.diffusion,
        # a quench freezes stresses in; a model that begins without would be wrong by them up to its yield
        "stress_at_rest": float(f"{md['at_rest']:.6g}"),
    }


def _bounds(low: float, high: float) -> dict[str, Any]:
    # rounded: a last bit that differs between machines would be another input
    return {"low": float(f"{low:.8g}"), "high": float(f"{high:.8g}")}


def _frame(strain: float, md: Mapping[str, Any]) -> int:
    return round(strain / md["max_strain"] * (len(md["gamma"]) - 1))


def _strain(frame: int, md: Mapping[str, Any]) -> float:
    """The net strain of a frame, as an input would spell it."""
    return float(f"{frame * md['max_strain'] / (len(md['gamma']) - 1):.12g}")


def _is_frame(strain: float, md: Mapping[str, Any]) -> bool:
    frame = _frame(strain, md)
    count = len(md["gamma"]) - 1
    return 0 < frame <= count and abs(frame * md["max_strain"] / count - strain) < 1e-6


def _write_reference(folder: Path, md: Mapping[str, Any], strains: Sequence[float]) -> None:
    """Write what the calibration reads: the energies of the first and the last frame, fields and stress."""
    energy, exy = md["energy"][[0, -1]], md["exy"][[_frame(strain, md) for strain in strains]]
    key = digest("reference 1", energy, exy, md["stress"])
    for name, values in zip(("first", "last"), energy, strict=True):
        with store.writing(folder / f"energy_{name}.h5", REFERENCE, key) as file:
            _put_axes(file, md, strains)
            file.put(DATASET, values, PLANE["cell"], UNITS, f"potential energy per atom, {name} frame")
    with store.writing(folder / "reference.h5", REFERENCE, key) as file:
        _put_axes(file, md, strains)
        file.put("Exy", exy, ("strain", *PLANE["corner"]), "1", "Green-Lagrange shear strain")
        file.put("shear_stress", md["stress"], ("gamma",), "GPa", "mean shear stress")

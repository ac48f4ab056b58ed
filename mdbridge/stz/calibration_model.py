"""The STZ model as a function of named parameters, for calibration and for users' scripts."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..calibrate.model import described
from ..core.arrays import read as read_arrays
from ..core.errors import FileError, InputError
from . import forwardrun, paperfiles
from .energies import read_energy
from .ratelaw import Diffusion, Material, effective_temperature
from .staggered import Grid

Array = NDArray[np.float64]

SNAPSHOTS = (0.02, 0.04, 0.06, 0.08, 0.09, 0.10, 0.20, 0.35, 0.50)
"""Net strains at which strain fields are compared, [Kontolati2021, sec. 5.2.2]."""


DATA = (
    "it belongs to the molecular dynamics published with [Kontolati2021] (pe.MD.0 … pe.MD.100, Exy.MD.0 … "
    "Exy.MD.100, stress_rand2_matlab.txt): fetch these files from the repository that the paper names "
    "(github.com/katiana22/GrassmannianEGO) and give their place"
)
LABELS = {
    "Exy": "strain $E_{xy}$",
    "chi": r"effective temperature $\chi$",
    "shear_stress": r"shear stress $\bar\sigma_{xy}$",
    "deviatoric_stress": r"deviatoric stress $\bar s$",
}
UNITS = {"shear_stress": "GPa", "deviatoric_stress": "GPa"}


def _shapes(
    *,
    energy_file: str,
    strains: Sequence[float] = SNAPSHOTS,
    frames: int = 100,
    max_strain: float = 0.5,
    **others: Any,
) -> dict[str, tuple[int, ...]]:
    """The shapes of what :func:`forward` returns, known without a run."""
    fields = (len(_frames(strains, frames, max_strain)), *_energy(energy_file).shape)
    return {"Exy": fields, "chi": fields, "shear_stress": (frames,), "deviatoric_stress": (frames,)}


@described(shapes=_shapes, labels=LABELS, units=UNITS, data=DATA, version="1")
def forward(
    *,
    c0: float,
    s_y: float,
    beta: float,
    E0: float,
    energy_file: str,
    final_energy_file: str,
    strains: Sequence[float] = SNAPSHOTS,
    frames: int = 100,
    max_strain: float = 0.5,
    rate: float = 1.0e8,
    box: Sequence[float] = (400.0, 400.0),
    tolerance: float = forwardrun.TOLERANCE,
    diffusion: Diffusion = "group",
    stress_at_rest: float = 0.0,
    **material: float,
) -> dict[str, Array]:
    """A forward run, [Kontolati2021, sec. 5.1].

    Args:
        c0: plastic work fraction.
        s_y: yield stress in GPa.
        beta: β in 1/eV of χ = β (E − E0), [Kontolati2021, eq. 38].
        E0: in eV.
        energy_file: coarse-grained energy per atom in eV at γ = 0; text in the
            paper's format, or HDF5 with the dataset ``potential_energy``.
        final_energy_file: the same at the end; χ∞ = β (max E − E0).
        strains: net strains of the snapshots, increasing; each must be a frame.
        frames, max_strain, rate, tolerance, stress_at_rest: as in :class:`~mdbridge.stz.forwardrun.Case`.
        box: edges in Å.
        material: any other parameter of :class:`~mdbridge.stz.ratelaw.Material`.

    Returns:
        ``Exy`` and ``chi`` at the snapshots, ``(k, ny, nx)``, and of frames 1 … ``frames`` in GPa
        ``shear_stress``, the mean σ_xy, and ``deviatoric_stress``, that of sqrt(½ s:s).

    Raises:
        InputError: the parameters make no valid sample (χ not positive), or a
            strain is no frame.
        FlowError: the run failed.
    """
    if len(box) != 2:
        raise InputError(f"box = {list(box)}: must be the two edges of the sample (Å)")
    energy, final = _energy(energy_file), _energy(final_energy_file)
    chi = effective_temperature(energy, beta, E0)
    chi_inf = float(effective_temperature(final, beta, E0).max())
    case = forwardrun.Case(
        Material(s_y=s_y, c0=c0, chi_inf=chi_inf, diffusion=diffusion, **material),
        chi,
        Grid(chi.shape[1], chi.shape[0], box[0], box[1]),
        rate=rate,
        max_strain=max_strain,
        frames=frames,
        fields_at=_frames(strains, frames, max_strain),
        tolerance=tolerance,
        stress_at_rest=stress_at_rest,
    )
    result = forwardrun.forward(case)
    # frame 0, without stress, is no datum: (40) is over 100 frames
    return {
        "Exy": result.exy,
        "chi": result.chi,
        "shear_stress": result.shear_stress[1:],
        "deviatoric_stress": result.dev_stress[1:],
    }


@described(data=DATA)
def published(
    folder: str,
    strains: Sequence[float] = SNAPSHOTS,
    frames: int = 100,
    max_strain: float = 0.5,
    beta: float | None = None,
    E0: float | None = None,
) -> dict[str, Array]:
    """The molecular dynamics published with [Kontolati2021], in the form of :func:`forward`.

    Args:
        folder: holds ``Exy.MD.n``, n = 0 … 100, and ``stress_rand2_matlab.txt``,
            both to the net strain 0.5; ``pe.MD.n`` for ``chi``.
        strains, frames, max_strain: as there.
        beta, E0: if given, ``chi`` of the coarse-grained energies is returned
            too, [Kontolati2021, eq. 38, Figure 9].

    Raises:
        FileError: a file is missing or not what it should be.
        InputError: a strain is beyond what was published.
    """
    if max_strain > 0.5:
        # beyond its end the curve would go on as a constant, and pass for a measurement
        raise InputError(f"max_strain = {max_strain}: the published data end at 0.5")
    source = Path(folder)
    # whatever frames are asked for, the files have 100 up to 0.5
    numbers = _frames(strains, 100, 0.5)
    # the files hold the engineering strain 2 E_xy: their means are the net strain γ, not γ/2
    exy = 0.5 * np.array([paperfiles.read_field(source / f"Exy.MD.{n}") for n in numbers])
    stress = paperfiles.read_shear_stress(source / "stress_rand2_matlab.txt")
    gamma = max_strain * np.arange(1, frames + 1) / frames
    # five times as many rows as frames
    curve = np.interp(gamma, np.linspace(0.0, 0.5, len(stress)), stress)
    response = {"Exy": exy, "shear_stress": curve}
    if beta is not None and E0 is not None:
        energies = [_energy(str(source / f"pe.MD.{n}")) for n in numbers]
        response["chi"] = np.array([effective_temperature(energy, beta, E0) for energy in energies])
    return response


def solver_run(
    file: str, strains: Sequence[float] = SNAPSHOTS, frames: int = 100, max_strain: float = 0.5
) -> dict[str, Array]:
    """A run of another solver of the same equations, in the form of :func:`forward`.

    Args:
        file: .npz or HDF5 with ``gamma`` (net strains from 0 on, ``(n + 1,)``), ``dev`` (the mean of
            sqrt(½ s:s) there, GPa), and at ``frames`` (indices into ``gamma``, ``(k,)``) the Green–Lagrange
            strain ``Exy`` ``(k, ny, nx)`` at cell corners, row = y.
        strains, frames, max_strain: as there; these must be the frames of the file.

    Raises:
        FileError: the file is missing or not what it should be.
        InputError: it has no such frame.
    """
    path = Path(file)
    arrays = read_arrays(path)
    if missing := {"gamma", "dev", "frames", "Exy"} - set(arrays):
        raise FileError(f"{path}: holds no {sorted(missing)[0]!r}; it has {', '.join(sorted(arrays))}")
    gamma = max_strain * np.arange(frames + 1) / frames
    # another number of frames would pair stresses of different strains
    if arrays["gamma"].shape != gamma.shape or not np.allclose(arrays["gamma"], gamma, rtol=0.0, atol=1e-9):
        raise InputError(
            f"{path}: its net strains are not those of {frames} frames up to max_strain = {max_strain}"
        )
    kept = {int(number): k for k, number in enumerate(arrays["frames"])}
    numbers = _frames(strains, frames, max_strain)
    for number, strain in zip(numbers, strains, strict=True):
        if number not in kept:
            raise InputError(f"strains: {path} has no field at {strain}")
    exy = arrays["Exy"][[kept[number] for number in numbers]]
    return {"Exy": exy, "deviatoric_stress": arrays["dev"][1:]}


def _frames(strains: Sequence[float], frames: int, max_strain: float) -> list[int]:
    """Frame numbers of the snapshots.

    Raises:
        InputError: a strain is no frame, or two are the same.
    """
    numbers = [round(frames * strain / max_strain) for strain in strains]
    for number, strain in zip(numbers, strains, strict=True):
        if not 0 < number <= frames or abs(number * max_strain / frames - strain) > 1e-6:
            raise InputError(
                f"strains: {strain} is none of the {frames} frames up to max_strain = {max_strain}"
            )
    if sorted(set(numbers)) != numbers:
        raise InputError("strains: must increase")
    return numbers


def _energy(path: str) -> Array:
    """A field of energies in eV, ``(ny, nx)``; read once, and again when the file has changed."""
    try:
        file = Path(path).resolve()
        state = file.stat()
    except OSError:
        # to be told by what reads it
        return read_energy(Path(path))
    return _energy_of(file, state.st_mtime_ns, state.st_size)


# one calibration asks for the same two files hundreds of times
@functools.lru_cache(maxsize=8)
def _energy_of(file: Path, _changed: int, _size: int) -> Array:
    return read_energy(file)

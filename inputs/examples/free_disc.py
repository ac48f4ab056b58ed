"""The free disc of graphene: the four loads of [You2022, Table 2], and no value of the MD in the answer.

    mdbridge run inputs/graphene_0K.toml --out OUT
    python inputs/examples/free_disc.py inputs/graphene_0K.toml OUT [--set KEY=VALUE ...]

Each load becomes a problem of its own, a disc whose edge is free, that 'mdbridge solve --problem' solves with
the campaign's model.  Its displacements are compared with the MD's at all nodes of the MD inside the disc,
rigid motion aside.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from scipy.interpolate import CloughTocher2DInterpolator

EV_PER_A3_IN_TPA, THICKNESS_A = 0.1602176634, 3.35
RADIUS = 100.0
# of the angle t, outside 50 Å, at most 1; the third without its resultant, which would push the disc away
LOADS = {
    1: ("cos(4*t)*cos(t)", "cos(4*t)*sin(t)"),
    2: ("sign(cos(4*t))*cos(t)", "sign(cos(4*t))*sin(t)"),
    3: ("0", "pi/2*abs(sin(t)) - 1"),
    4: ("sin(3*t)*sin(t)", "sin(3*t)*cos(t)"),
}
PROBLEM = """
[domain]
disc = {{centre = [0, 0], radius = {radius}}}
spacing = {spacing}
[load]
body = ["{x}", "{y}"]
[output]
vtk = false
figures = false
"""


def problem(case: int, amplitude: float, spacing: list[float]) -> str:
    """The file of a load of ``amplitude`` (TPa/Å) on nodes ``spacing`` (Å) apart."""
    x, y = (part.replace("(t)", "(arctan2(y, x))").replace("*t)", "*arctan2(y, x))") for part in LOADS[case])
    annulus = f"{amplitude!r}*(hypot(x, y) > 50)"
    return PROBLEM.format(radius=RADIUS, spacing=spacing, x=f"{annulus}*({x})", y=f"{annulus}*({y})")


def without_rigid_motion(x: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Displacements ``(n, 2)`` at ``x`` less the translation and the rotation that are nearest to them."""
    arm = x - x.mean(axis=0)
    turn = np.stack([-arm[:, 1], arm[:, 0]], axis=1)
    moved = u - u.mean(axis=0)
    return moved - (moved * turn).sum() / (turn**2).sum() * turn


def main(source: Path, out: Path, options: Sequence[str] = ()) -> dict[int, float]:
    """Solve the four problems and compare; relative errors by load."""
    with h5py.File(out / "dataset.h5") as file:
        group = file["test"]
        nodes, u, loads = (group[name][()] for name in ("nodes", "u", "load"))
        spacing = [float(h) for h in group.attrs["spacing"]]
        per_atom = np.sqrt(3) / 4 * float(file.attrs["md_lattice_A"]) ** 2
    # beyond, a node of the MD stands for atoms on one side of it alone
    inside = np.hypot(*nodes.T) < RADIUS - 0.5 * max(spacing)
    errors = {}
    for case, truth, (_, _, amplitude, _) in zip(LOADS, u, loads, strict=True):
        # eV/Å on each atom is TPa/Å over the atom's area and the sheet's thickness
        force = amplitude * EV_PER_A3_IN_TPA / (per_atom * THICKNESS_A)
        path = out / f"free_disc_{case}.toml"
        path.write_text(problem(case, float(force), spacing), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "mdbridge",
            "solve",
            source,
            "--problem",
            path,
            "--out",
            out,
            *options,
        ]
        subprocess.run([str(word) for word in command], check=True)
        with h5py.File(out / "solution.h5") as file:
            answer = CloughTocher2DInterpolator(file["nodes"][()], file["displacement"][()])(nodes[inside])
        answer, wanted = (without_rigid_motion(nodes[inside], v) for v in (answer, truth[inside]))
        errors[case] = float(np.linalg.norm(answer - wanted) / np.linalg.norm(wanted))
        sys.stdout.write(f"load {case}: displacement error {errors[case]:.2%} at {inside.sum()} nodes\n")
    return errors


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])

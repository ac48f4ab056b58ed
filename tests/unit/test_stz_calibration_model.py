"""The published molecular dynamics as a reference: conventions of its files."""

from pathlib import Path

import numpy as np
import pytest

from mdbridge import stz
from mdbridge.core.errors import FileError, InputError
from mdbridge.stz import forwardrun


@pytest.fixture
def folder(tmp_path):
    """Two frames of 3 x 4 cells whose mean engineering strain is the net strain, and a stress file."""
    shape = np.linspace(-0.01, 0.01, 12).reshape(3, 4)
    for frame, gamma in ((20, 0.1), (40, 0.2)):
        for name, values in (("Exy", gamma + shape), ("pe", -3.3 + shape)):
            rows = "\n".join(" ".join(f"{v:.10f}" for v in row) for row in values)
            (tmp_path / f"{name}.MD.{frame}").write_text(f"4 3 0 1\n{rows}\n")
    stress = np.linspace(0.0, 1.0, 501)  # GPa, in bar with the other sign in the file
    (tmp_path / "stress_rand2_matlab.txt").write_text("\n".join(f"0 {-1e4 * s:.6f}" for s in stress))
    return tmp_path


def test_strain_is_half_the_engineering_strain_of_the_files(folder):
    response = stz.published(str(folder), strains=(0.1, 0.2))
    assert response["Exy"].shape == (2, 3, 4)
    assert response["Exy"].mean(axis=(1, 2)) == pytest.approx([0.05, 0.1])  # γ/2, as of a sheared box
    assert response["shear_stress"] == pytest.approx(np.arange(1, 101) / 100)
    assert "chi" not in response


def test_effective_temperature_of_the_energies(folder):
    response = stz.published(str(folder), strains=(0.2,), beta=8.0, E0=-3.4)
    assert response["chi"].mean() == pytest.approx(8.0 * 0.1) and response["chi"].shape == (1, 3, 4)


def test_a_file_of_energies_that_has_changed_is_read_again(folder):
    path = folder / "pe.MD.40"
    first = stz.published(str(folder), strains=(0.2,), beta=8.0, E0=-3.4)["chi"]
    path.write_text(path.read_text().replace("-3.", "-2."))
    again = stz.published(str(folder), strains=(0.2,), beta=8.0, E0=-3.4)["chi"]
    np.testing.assert_allclose(again, first + 8.0)


def test_what_is_not_there_is_said(folder):
    with pytest.raises(FileError, match=r"Exy\.MD\.30"):
        stz.published(str(folder), strains=(0.15,))
    with pytest.raises(InputError, match=r"0\.1234 is none of the 100 frames"):
        stz.published(str(folder), strains=(0.1234,))


def test_nothing_is_made_up_beyond_the_end_of_what_was_published(folder):
    with pytest.raises(InputError, match=r"max_strain = 0\.6: the published data end at 0\.5"):
        stz.published(str(folder), strains=(0.1,), max_strain=0.6)


@pytest.mark.parametrize("box", [(400.0,), (400.0, 400.0, 10.0)])
def test_a_box_has_two_edges(folder, box):
    energies = {"energy_file": str(folder / "pe.MD.20"), "final_energy_file": str(folder / "pe.MD.40")}
    with pytest.raises(InputError, match=r"box = \[400.0.*two edges"):
        stz.forward(c0=0.5, s_y=1.0, beta=8.0, E0=-3.4, box=box, **energies)


def test_a_forward_run_of_energies_keeps_frames_and_gives_what_is_compared(tmp_path, monkeypatch):
    """Before any flow: σ = μ γ, E = γ/2 and χ = β (E − E0), at the strains that were asked for."""
    random, cases, run = np.random.default_rng(0), [], forwardrun.forward
    monkeypatch.setattr(forwardrun, "forward", lambda case: cases.append(case) or run(case))
    energy = -3.31 + 0.01 * random.random((4, 6))
    files = {"energy_file": str(tmp_path / "pe.first"), "final_energy_file": str(tmp_path / "pe.last")}
    for path, values in zip(files.values(), (energy, energy + 0.002), strict=True):
        rows = "\n".join(" ".join(f"{v:.12f}" for v in row) for row in values)
        Path(path).write_text(f"6 4 0 1\n{rows}\n")
    asked = {"strains": (0.01, 0.04), "frames": 8, "max_strain": 0.04, "box": (60.0, 40.0), "mu": 18.0}
    response = stz.forward(c0=0.5, s_y=1.0, beta=8.0, E0=-3.32, **asked, **files)
    np.testing.assert_allclose(response["shear_stress"], 18.0 * 0.005 * np.arange(1, 9), rtol=1e-12)
    # elastic: σ_xy is all there is of the deviator, but for terms of the order of γ²
    np.testing.assert_allclose(response["deviatoric_stress"], response["shear_stress"], rtol=2e-3)
    np.testing.assert_allclose(response["Exy"].mean(axis=(1, 2)), [0.005, 0.02], rtol=1e-12)
    np.testing.assert_allclose(response["chi"], 2 * [8.0 * (energy + 3.32)], rtol=1e-9)
    (case,) = cases
    assert case.material.chi_inf == pytest.approx(8.0 * (energy.max() + 0.002 + 3.32), rel=1e-9)
    assert (case.grid.nx, case.grid.ny, case.grid.lx, case.grid.ly) == (6, 4, 60.0, 40.0)


def another_solvers(path, **changes):
    """A run of 8 frames up to 0.04, with fields at two of them."""
    gamma = 0.04 * np.arange(9) / 8
    exy = np.stack([np.full((3, 4), 0.005), np.full((3, 4), 0.02)])
    arrays = {"gamma": gamma, "dev": 18.0 * gamma, "frames": np.array([2, 8]), "Exy": exy, "note": 1.0}
    np.savez(path, **(arrays | changes))
    return {"file": str(path), "strains": (0.01, 0.04), "frames": 8, "max_strain": 0.04}


def test_a_run_of_another_solver_has_the_frames_that_are_asked_for(tmp_path):
    response = stz.solver_run(**another_solvers(tmp_path / "run.npz"))
    assert response["Exy"][:, 0, 0].tolist() == [0.005, 0.02]
    np.testing.assert_allclose(response["deviatoric_stress"], 18.0 * 0.005 * np.arange(1, 9))
    last = another_solvers(tmp_path / "run.npz") | {"strains": (0.04,)}
    assert stz.solver_run(**last)["Exy"][:, 0, 0].tolist() == [0.02]


@pytest.mark.parametrize(
    ("changes", "asked", "words"),
    [
        ({}, {"strains": (0.02,)}, r"no field at 0\.02"),
        ({"gamma": np.linspace(0.0, 0.5, 9)}, {}, r"not those of 8 frames up to max_strain = 0\.04"),
        ({"gamma": np.arange(4.0)}, {}, "not those of 8 frames"),
    ],
)
def test_frames_of_other_strains_are_refused(tmp_path, changes, asked, words):
    given = another_solvers(tmp_path / "run.npz", **changes) | asked
    with pytest.raises(InputError, match=words):
        stz.solver_run(**given)


def test_a_file_that_lacks_something_is_told(tmp_path):
    np.savez(tmp_path / "run.npz", gamma=np.arange(9.0))
    with pytest.raises(FileError, match=r"run\.npz: holds no 'Exy'; it has gamma"):
        stz.solver_run(str(tmp_path / "run.npz"))

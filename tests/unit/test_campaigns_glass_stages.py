"""The glass campaign's plan, files and the calibration it writes, without running MD."""

import h5py
import numpy as np
import pytest

from mdbridge.campaigns.calibrate import stages
from mdbridge.campaigns.glass import chain as glass_chain
from mdbridge.campaigns.glass import plan as glass_plan
from mdbridge.campaigns.glass import results, sampling
from mdbridge.campaigns.glass.input import Calibrate, GlassInput
from mdbridge.core import config
from mdbridge.core.errors import InputError
from mdbridge.fields import fieldset
from mdbridge.stz import calibration_model, paperfiles

KEY = "key"
TEXT = """
campaign = "glass"
[md]
cells = [6, 6, 3]
liquid_K = 1000.0
temperature_K = 100.0
quench_rate_K_per_s = 1e14
[shear]
rate_per_ps = 0.01
max_strain = 0.5
[observe]
grid = [8, 6]
frames = 20
[checkpoint]
every_steps = 700
every_frames = 8
"""


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "in.toml").write_text(TEXT)
    return config.load(tmp_path / "in.toml", GlassInput)


def frames(settings, count):
    """Frames as the observers make them: a band, and energies that follow the composition and the strain."""
    y, x = np.meshgrid(np.arange(6) / 6, np.arange(8) / 8, indexing="ij")
    copper = 0.5 + 0.1 * np.sin(2 * np.pi * x)
    for number in range(count):
        gamma = 0.025 * number
        disorder = 0.004 * np.cos(2 * np.pi * y) + 0.02 * gamma
        composition = np.stack([copper, 1 - copper])
        rows = np.zeros((10 if number else 1, 11))
        rows[:, 1] = gamma - 0.0025 * np.arange(len(rows))[::-1]
        rows[:, 8] = -1e4 * np.minimum(25 * rows[:, 1], 1.5)  # bar
        yield {
            "step": settings.hold_steps + number * settings.frame_steps,
            "gamma": gamma,
            "edges": np.array([[40.0, gamma * 36.0], [0.0, 36.0]]),
            "turns": 0,
            "potential_energy": -5.0 + 2.0 * (copper - 0.5) + disorder,
            "Exy": gamma / 2 * (1 + 0.5 * np.cos(2 * np.pi * y)),
            "D2min": 0.1 * gamma + 0 * x,
            "velocity": np.zeros((6, 8, 2)),
            "density": np.full((6, 8), 4.4),
            "temperature": np.full((6, 8), 100.0),
            "composition": composition,
            "type_energy": np.array([-4.0, -6.0]),
            "type_fraction": np.array([0.5, 0.5]),
            "curve": rows,
        }


def stored(settings, folder, count=21):
    """glass.h5 of ``count`` frames."""
    job = sampling.Job(None, settings, folder)
    for frame in frames(settings, count):
        sampling._write_frame(job, settings.hold_steps, frame)
    made = sampling.frames([folder])
    assert len(made) == min(count, 21)
    chain = sampling.Chain(reference=np.diag([40.0, 36.0, 20.0]), natoms=216)
    moduli = {"mu_GPa": 25.0, "mu_error_GPa": 0.5, "bulk_GPa": 120.0, "bulk_error_GPa": 1.0}
    path = folder / "glass.h5"
    results.collect(path, settings, made, KEY, chain, [], moduli, {})
    return path


def test_the_quench_is_one_ramp_in_pieces(settings):
    plan = glass_plan.preparation(settings, "file")
    quench = [segment for segment in plan if segment.stage == "quench"]
    assert [segment.name for segment in quench] == ["quench-001", "quench-002", "quench-003"]
    assert [segment.steps for segment in quench] == [700, 700, 400]  # 900 K at 100 K/ps in steps of 5 fs
    assert [segment.stage for segment in plan][-1] == "relax"


def test_the_shear_is_cut_at_frames(settings):
    plan = glass_plan.production(settings, "file", None, None)
    assert [(s.stage, s.steps, s.marks) for s in plan] == [
        ("hold", 50, True),
        ("shear", 8 * 500, False),
        ("shear", 8 * 500, False),
        ("shear", 4 * 500, False),
    ]
    assert all(segment.observed for segment in plan)


def test_energy_at_mean_composition_is_free_of_the_composition(settings, tmp_path):
    with fieldset.reading(stored(settings, tmp_path), results.GLASS) as file:
        free, raw = file["energy_mean_composition"][:], file["potential_energy"][:]
        assert file["energy_mean_composition"].attrs["units"] == "eV"
        assert file["density"].attrs["units"] == "g/cm^3"
        assert file["density"][0, 0, 0] == pytest.approx(4.4 * 1.66053906660)
        assert file["curve/stress"][-1, 3] == pytest.approx(1.5)
    assert np.ptp(raw, axis=2).min() > 0.3
    assert np.ptp(free, axis=2).max() < 1e-12
    assert np.ptp(free[0], axis=0).max() == pytest.approx(0.008, rel=0.1)
    assert free[-1].mean() - free[0].mean() == pytest.approx(0.02 * 0.5)


def test_frames_up_to_a_gap_are_taken_and_the_file_says_that_it_is_not_complete(settings, tmp_path):
    path = stored(settings, tmp_path, 7)
    with h5py.File(path) as file:
        assert not file.attrs["complete"]
        assert len(file["gamma"]) == 7
    sampling_folder = tmp_path / "frame-0003.npz"
    sampling_folder.unlink()
    assert [frame["gamma"] for frame in sampling.frames([tmp_path])] == [0.0, 0.025, 0.05]


def test_what_a_segment_leaves_is_read_back(tmp_path):
    chain = sampling.Chain(np.array([[1.0, 0, 0], [0.1, 2, 0], [0, 0, 3]]), 3, 70, 216, "lj")
    chain.write(tmp_path)
    again = sampling.Chain.read(tmp_path)
    assert np.array_equal(again.reference, chain.reference)
    assert (again.turns, again.offset, again.natoms, again.units) == (3, 70, 216, "lj")


def test_the_paper_s_files_are_read_back(settings, tmp_path):
    store = stored(settings, tmp_path)
    results.write_paper_files(store, tmp_path / "text")
    with h5py.File(store) as file:
        for number in (0, 13, 20):
            exy = paperfiles.read_field(tmp_path / "text" / f"Exy.MD.{number}")
            assert np.allclose(exy, file["Exy"][number], rtol=0, atol=1e-10)
            energy = paperfiles.read_field(tmp_path / "text" / f"pe.MD.{number}")
            assert np.allclose(energy, file["potential_energy"][number], rtol=0, atol=1e-8)
        stress = paperfiles.read_shear_stress(tmp_path / "text" / "stress_rand2_matlab.txt")
        assert np.allclose(stress, file["curve/stress"][:, 3], rtol=1e-7)


def test_the_chain_writes_an_input_that_the_calibration_takes(settings, tmp_path):
    store = stored(settings, tmp_path)
    chosen = Calibrate(strains=[0.05, 0.1, 0.5], E0_below_eV=[0.01, 0.05])
    glass_chain._prepare(chosen, store, tmp_path / "calibration")
    problem = stages.prepare(tmp_path / "calibration" / "input.toml")
    assert problem.reference["Exy"].shape == (3, 6, 8)
    assert problem.reference["shear_stress"].shape == (20,)
    # the mean of the points about a frame: exact on a straight line, but for the first half
    assert problem.reference["shear_stress"][1] == pytest.approx(25 * 0.05, rel=0.03)
    least = -5.0 - 0.004
    bounds = problem.settings.parameters
    assert bounds["E0"].low == pytest.approx(least - 0.05)
    assert bounds["E0"].high == pytest.approx(least - 0.01)
    assert bounds["s_y"].low == pytest.approx(0.5 * 1.5, rel=1e-3)
    options = problem.task.options
    assert options["mu"] == 25.0
    assert options["bulk"] == 120.0
    assert options["rate"] == pytest.approx(1e10)
    assert options["box"] == [40.0, 36.0]
    # and the model runs on it
    response = calibration_model.forward(c0=0.3, s_y=1.2, beta=3.0, E0=least - 0.03, **options)
    assert response["Exy"].shape == (3, 6, 8)


def test_strains_that_are_no_frames_are_refused(settings, tmp_path):
    store = stored(settings, tmp_path)
    with pytest.raises(InputError, match=r"calibrate.strains: 0.06 is none of the 20 frames"):
        glass_chain._prepare(Calibrate(strains=[0.06]), store, tmp_path / "calibration")

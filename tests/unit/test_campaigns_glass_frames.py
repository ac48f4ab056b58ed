"""Frames of a sheared box against sums over the atoms themselves, and LAMMPS's own numbers."""

import numpy as np
import pytest
from glass_systems import crystal, glass_input, motion, place, unwrapped
from mpi4py import MPI

from mdbridge.campaigns.glass.frames import THERMO, Times, attach_observers, require_upright
from mdbridge.core.errors import InputError, ObserverError
from mdbridge.md.setup import Setup

COMM = MPI.COMM_SELF
ROWS, COLUMNS = 8, 6


def observed(session, steps, every, known=None, samples=1, **observe):
    """Attach everything from the present step on; the frames go to the list that is returned."""
    given = {"grid": [COLUMNS, ROWS], "energy_window": 4.0, "strain_window": 4.0, "curve_points": 1} | observe
    config = glass_input(steps, frames=steps // every, samples=samples, sample_every=1, **given)
    frames = []
    times = Times.of(config, session.step, session.step - 1)
    watch = attach_observers(session, config, times, frames.append, known or Setup())
    return frames, watch


FLOWS = Setup(carried={"deform"})


def test_fields_sum_up_to_what_lammps_says_of_the_box():
    with crystal(COMM) as session:
        session.run(0)
        session.commands(motion(0.3))
        frames, _ = observed(session, 80, 40, FLOWS)
        session.run(80)
        thermo = {name: session.lmp.get_thermo(name) for name in ("pe", "pxx", "pxy", "pzz", "vol", "temp")}
    frame = frames[-1]
    row = dict(zip(THERMO, frame["curve"][-1][2:], strict=True))
    names = {"pe": "potential_energy", "vol": "volume", "temp": "temperature"}
    names |= {"pxx": "xx", "pxy": "xy", "pzz": "zz"}
    for name, mine in names.items():
        assert row[mine] == pytest.approx(thermo[name], rel=1e-10), name
    # the mean over the nodes, weighted by the atoms they stand for, is the mean over the atoms
    weights = frame["density"] / frame["density"].mean()
    assert frame["type_energy"] @ frame["type_fraction"] == pytest.approx(thermo["pe"] / 360, rel=1e-12)
    assert (weights * frame["potential_energy"]).mean() == pytest.approx(thermo["pe"] / 360, rel=2e-3)
    assert np.allclose(frame["composition"].sum(axis=0), 1.0, rtol=1e-12)
    mass = 360 * (frame["type_fraction"] @ [27.0, 60.0])
    assert frame["density"].mean() == pytest.approx(mass / thermo["vol"], rel=0.01)
    assert frame["gamma"] == pytest.approx(0.3 * 80 * 0.004, rel=1e-9)
    assert frame["Exy"].mean() == pytest.approx(frame["gamma"] / 2, rel=0.02)


def test_the_flow_of_the_box_is_no_velocity_and_no_heat():
    with crystal(COMM) as session:
        session.commands("velocity all set 0 0 0\npair_coeff * * 0.0 2.5")
        rate = 0.5
        session.commands(f"variable top equal {rate}*ly\nvelocity all ramp vx 0 ${{top}} y 0 $(ly) units box")
        session.commands(f"fix deform all deform 1 xy erate {rate} remap v\nfix motion all nve")
        frames, watch = observed(session, 400, 400, FLOWS)
        session.run(400)
        watch.flush(COMM)
    assert [frame["step"] for frame in frames] == [0, 400]
    for frame in frames:
        assert np.abs(frame["velocity"]).max() < 1e-9
        assert np.abs(frame["temperature"]).max() < 1e-9
        assert np.allclose(frame["Exy"], frame["gamma"] / 2, rtol=0, atol=1e-9)
        assert frame["D2min"].max() < 1e-9


def test_a_solid_that_is_carried_by_its_box_has_no_velocity():
    """'remap x' moves atoms, and leaves their velocities thermal: nothing is to be taken off."""
    with crystal(COMM) as session:
        session.commands("fix deform all deform 1 xy erate 0.5 remap x\nfix motion all nve")
        frames, _ = observed(session, 100, 100)
        session.run(100)
    assert np.abs(frames[-1]["velocity"]).max() < 0.5 < 0.5 * 6 * 4.05 / 2


def test_fields_are_weighted_means_over_the_atoms_and_heat_is_the_motion_about_the_mean():
    width, cutoff = 4.0, 2.5
    with crystal(COMM) as session:
        session.commands("variable wave atom 3*sin(2*PI*y/ly)\nvelocity all set v_wave -1.0 0.5 sum yes")
        frames, _ = observed(session, 1, 1, energy_window=width, cutoff=cutoff)
        session.run(0)
        (frame,) = frames
        x, v = session.gather("x", 3), session.gather("v", 3)
        kind = session.gather("type").ravel().astype(int)
    mass, box = np.array([27.0, 60.0])[kind - 1], np.array([5, 6, 3]) * 4.05
    y = (np.arange(ROWS) + 0.5) / ROWS
    nodes = np.stack(np.meshgrid((np.arange(COLUMNS) + 0.5) / COLUMNS, y), axis=-1) * box[:2]
    weight = np.zeros((ROWS, COLUMNS, len(x)))
    for image in np.ndindex(5, 5):
        away = nodes[:, :, None] - x[:, :2] - (np.array(image) - 2) * box[:2]
        square = (away**2).sum(axis=-1)
        weight += np.where(square < (cutoff * width) ** 2, np.exp(-square / (2 * width**2)), 0.0)
    number, weighed = weight.sum(axis=-1), weight * mass
    mean = weighed @ v / weighed.sum(axis=-1)[..., None]
    about = ((v - mean[:, :, None]) ** 2).sum(axis=-1)
    # of n velocities about their own mean, as many as there would be with equal weights less one
    free = number - (weight * weighed).sum(axis=-1) / weighed.sum(axis=-1)
    # 1 g/mol Å²/ps² in eV, and Boltzmann's constant in eV/K
    temperature = 1.0364269e-4 * (weighed * about).sum(axis=-1) / (3 * 8.617333e-5 * free)
    np.testing.assert_allclose(frame["temperature"], temperature, rtol=1e-5)
    np.testing.assert_allclose(frame["velocity"], mean[..., :2], rtol=0, atol=1e-9)
    assert np.ptp(mean[..., 0]) > 2  # there is flow to be told from heat
    np.testing.assert_allclose(frame["composition"][1], (weight * (kind == 2)).sum(axis=-1) / number)
    whole = 2 * np.pi * width**2 * (1 - np.exp(-0.5 * cutoff**2)) * box[2]
    np.testing.assert_allclose(frame["density"], weighed.sum(axis=-1) / whole, rtol=1e-9)


def test_a_crystal_sheared_by_hand_has_its_exact_strain():
    with crystal(COMM) as session:
        frames, _ = observed(session, 2, 1)
        session.run(0)
        rest, (length, height, _) = unwrapped(session), np.diag(session.box())
        for gamma in (0.04, 0.3):
            session.commands(f"change_box all xy final {gamma * height} units box")
            place(session, rest + np.outer(rest[:, 1], [gamma, 0, 0]))
            session.run(1, "post no")  # with no fix the atoms stay
    for frame, gamma in zip(frames, (0.0, 0.04, 0.3), strict=True):
        assert np.allclose(frame["Exy"], gamma / 2, rtol=0, atol=1e-12)
        assert np.allclose(frame["edges"], [[length, gamma * height], [0.0, height]], rtol=0, atol=1e-9)
        assert frame["D2min"].max() < 1e-10


def test_the_shear_is_followed_through_flips():
    rate = 0.8
    with crystal(COMM) as session:
        session.run(0)
        session.commands(motion(rate))
        frames, _ = observed(session, 600, 100, FLOWS)
        session.run(600)
        assert abs(session.box()[1, 0]) < 0.65 * 5 * 4.05  # LAMMPS's own box was replaced
    assert [frame["gamma"] for frame in frames] == pytest.approx([rate * 0.4 * n for n in range(7)], abs=1e-9)
    for frame in frames:
        assert frame["edges"][0, 1] == pytest.approx(frame["gamma"] * 6 * 4.05, abs=1e-9)


def test_energies_are_averaged_over_the_steps_of_a_frame():
    def sampled(samples, last):
        with crystal(COMM, "fix motion all nve") as session:
            frames, _ = observed(session, last, last, samples=samples)
            session.run(last, "post no")
            return frames[-1]["type_energy"]

    single = [sampled(1, step) for step in (10, 11, 12)]
    assert np.allclose(sampled(3, 12), np.mean(single, axis=0), rtol=1e-12)
    assert np.ptp(single, axis=0).min() > 1e-5


def test_a_field_of_one_s_own_and_one_that_is_not_defined():
    with crystal(COMM, "compute mine all property/atom type\nvariable twice atom 2*type") as session:
        frames, _ = observed(session, 1, 1, extra={"kind": "c_mine", "double": "v_twice"})
        session.run(0)
        (frame,) = frames
        assert np.allclose(frame["kind"], frame["composition"][0] + 2 * frame["composition"][1], rtol=1e-12)
        assert np.allclose(frame["double"], 2 * frame["kind"], rtol=1e-12)
        with pytest.raises(
            InputError, match=r"needs c_slip, which .* does not define; add 'compute slip all"
        ):
            observed(session, 1, 1, extra={"slip": "c_slip"})


def test_outputs_of_fixes_are_those_of_their_frame():
    """A fix's mean is known at the end of its last step, and is that of LAMMPS's own dump."""
    fixes = "fix motion all nve\nvariable now atom step\nfix mean all ave/atom 5 4 20 v_now"
    with crystal(COMM, fixes) as session:
        frames, _ = observed(session, 40, 20, extra={"mean": "f_mean"})
        session.run(40)
    # 5, 10, 15, 20 and 25, 30, 35, 40
    assert [frame["mean"].mean() for frame in frames[1:]] == pytest.approx([12.5, 32.5])


@pytest.mark.parametrize("key", ["energy_window", "strain_window"])
def test_a_window_too_narrow_for_the_atoms_is_refused_by_its_key(key):
    with crystal(COMM) as session:
        observed(session, 1, 1, **{key: 0.1})
        with pytest.raises(ObserverError, match=rf"observe\.{key}: a window of 0\.1 leaves grid points"):
            session.run(0)


def test_a_box_that_leans_along_z_is_refused():
    box = np.diag([10.0, 10.0, 10.0])
    require_upright(box)
    box[2, 0] = 1.0
    with pytest.raises(InputError, match="xz or yz"):
        require_upright(box)


def test_lammps_s_own_output_is_not_changed_by_observers(tmp_path):
    """Digit for digit, with energies per atom as 'units lj' has them, and averages of pressures."""

    def logged(watched):
        log = tmp_path / f"log-{watched}"
        with crystal(COMM, log=log) as session:
            session.run(0)
            history = tmp_path / f"history-{watched}"
            session.commands(
                motion(0.3)
                + "thermo_modify norm yes\nthermo 5\nthermo_style custom step temp pe press pxx pxy\n"
                "thermo_modify temp thermal norm yes format float %.15g\n"
                f"fix h all ave/time 1 3 5 c_thermo_press[4] c_thermo_pe file {history} format %.15g"
            )
            if watched:
                observed(session, 40, 10, FLOWS, samples=2)
            session.run(40)
            session.lmp.flush_buffers()
        rows = [line.split() for line in log.read_text().splitlines()]
        rows = [words for words in rows if words and words[0].isdigit() and len(words) == 6]
        return rows, history.read_text()

    with_observers, without = logged(True), logged(False)
    assert len(without[0]) >= 9
    assert with_observers == without

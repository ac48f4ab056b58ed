"""Fields of a sheared box against sums over the atoms themselves, and LAMMPS's own numbers."""

import numpy as np
import pytest
from glass_systems import crystal, motion, place, unwrapped
from mpi4py import MPI

from mdbridge.core.errors import InputError
from mdbridge.md.observe.cell import Cell, mark_reference
from mdbridge.md.observe.glass import (
    ENERGY,
    THERMO,
    Frames,
    LocalStrain,
    Thermo,
    WindowAverage,
    define_energy,
)
from mdbridge.md.observe.schedule import every, on

COMM = MPI.COMM_SELF
SHAPE = (8, 6)


def observed(session, cell, schedule, extra=None, width=4.0):
    """Attach everything; the frames go to the list that is returned."""
    frames = []
    define_energy(session)
    average = WindowAverage(session, cell, SHAPE, width, 3 * width, extra or {})
    local, thermo = LocalStrain(cell, SHAPE, width, 3 * width), Thermo(session, cell)
    session.attach(cell, every(1))
    for one in (average, local, thermo, Frames(cell, [average, local, thermo], frames.append)):
        session.attach(one, schedule)
    return frames


def test_fields_sum_up_to_what_lammps_says_of_the_box():
    with crystal(COMM) as session:
        cell = Cell(mark_reference(session))
        session.commands(motion(0.3))
        frames = observed(session, cell, on([40, 80]))
        session.run(80)
        thermo = {name: session.lmp.get_thermo(name) for name in ("pe", "pxx", "pxy", "pzz", "vol")}
        energy = session.gather("f", 3)  # any call: the run is over
        assert len(energy) == 360
    frame = frames[-1]
    row = dict(zip(THERMO, frame["curve"][-1][2:], strict=True))
    for name, mine in (("pe", "potential_energy"), ("vol", "volume")):
        assert row[mine] == pytest.approx(thermo[name], rel=1e-12)
    # kinetic parts differ by half a step
    for name, mine in (("pxx", "xx"), ("pxy", "xy"), ("pzz", "zz")):
        assert row[mine] == pytest.approx(thermo[name], abs=300)
    # the mean over the nodes, weighted by the atoms they stand for, is the mean over the atoms
    weights = frame["density"] / frame["density"].mean()
    assert frame["type_energy"] @ frame["type_fraction"] == pytest.approx(thermo["pe"] / 360, rel=1e-12)
    assert (weights * frame["potential_energy"]).mean() == pytest.approx(thermo["pe"] / 360, rel=2e-3)
    assert np.allclose(frame["composition"].sum(axis=0), 1.0, rtol=1e-12)
    mass = 360 * (frame["type_fraction"] @ [27.0, 60.0])
    assert frame["density"].mean() == pytest.approx(mass / thermo["vol"], rel=0.01)
    assert frame["Exy"].mean() == pytest.approx(frame["gamma"] / 2, rel=0.02)


def test_the_flow_of_the_box_is_no_velocity_and_no_heat():
    with crystal(COMM) as session:
        cell = Cell(mark_reference(session))
        session.commands("velocity all set 0 0 0\npair_coeff * * 0.0 2.5")
        rate = 0.5
        session.commands(f"variable top equal {rate}*ly\nvelocity all ramp vx 0 ${{top}} y 0 $(ly) units box")
        session.commands(f"fix deform all deform 1 xy erate {rate} remap v\nfix motion all nve")
        frames = observed(session, cell, on([400]))
        session.run(400)
    (frame,) = frames
    assert np.abs(frame["velocity"]).max() < 1e-9
    assert np.abs(frame["temperature"]).max() < 1e-9
    # LAMMPS's periodic images lag behind the atoms by a step: a fault of this height at the boundary
    fault = rate * 0.004 * 6 * 4.05
    assert np.allclose(frame["Exy"], frame["gamma"] / 2, rtol=0, atol=fault / 8)
    assert frame["D2min"].max() < fault**2 / 3


def test_fields_are_weighted_means_over_the_atoms_and_heat_is_the_motion_about_the_mean():
    width = 4.0
    with crystal(COMM) as session:
        cell = Cell(mark_reference(session))
        session.commands("variable wave atom 3*sin(2*PI*y/ly)\nvelocity all set v_wave -1.0 0.5 sum yes")
        frames = observed(session, cell, on([0]), width=width)
        session.run(0)
        (frame,) = frames
        x, v, kind = (
            session.gather("x", 3),
            session.gather("v", 3),
            session.gather("type").ravel().astype(int),
        )
    mass, box = np.array([27.0, 60.0])[kind - 1], np.array([5, 6, 3]) * 4.05
    rows, columns = SHAPE
    nodes = np.stack(
        np.meshgrid((np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns, indexing="ij"), -1
    )
    nodes = nodes[..., ::-1] * box[:2]
    weight = np.zeros((rows, columns, len(x)))
    for image in np.ndindex(5, 5):
        away = nodes[:, :, None] - x[:, :2] - (np.array(image) - 2) * box[:2]
        square = (away**2).sum(axis=-1)
        weight += np.where(square <= (3 * width) ** 2, np.exp(-square / (2 * width**2)), 0.0)
    number, weighed = weight.sum(axis=-1), weight * mass
    mean = weighed @ v / weighed.sum(axis=-1)[..., None]
    about = ((v - mean[:, :, None]) ** 2).sum(axis=-1)
    # 1 g/mol Å²/ps² in eV, and Boltzmann's constant in eV/K
    temperature = 1.0364269e-4 * (weighed * about).sum(axis=-1) / (3 * 8.617333e-5 * number)
    np.testing.assert_allclose(frame["temperature"], temperature, rtol=1e-5)
    np.testing.assert_allclose(frame["velocity"], mean[..., :2], rtol=0, atol=1e-9)
    assert np.ptp(mean[..., 0]) > 2  # there is flow to be told from heat
    np.testing.assert_allclose(frame["composition"][1], (weight * (kind == 2)).sum(axis=-1) / number)
    whole = 2 * np.pi * width**2 * (1 - np.exp(-4.5)) * box[2]
    np.testing.assert_allclose(frame["density"], weighed.sum(axis=-1) / whole, rtol=1e-9)


def test_a_crystal_sheared_by_hand_has_its_exact_strain():
    with crystal(COMM) as session:
        box = mark_reference(session)
        cell = Cell(box)
        frames = observed(session, cell, every(1))
        session.run(0)
        rest = unwrapped(session)
        for gamma in (0.04, 0.3):
            lean = gamma * box[1, 1]
            session.commands(f"change_box all xy final {lean} units box")
            place(session, rest + np.outer(rest[:, 1], [gamma, 0, 0]))
            session.run(1, "post no")  # with no fix the atoms stay
    for frame, gamma in zip([frames[0], *frames[1:]], (0.0, 0.04, 0.3), strict=True):
        assert np.allclose(frame["Exy"], gamma / 2, rtol=0, atol=1e-12)
        assert frame["D2min"].max() < 1e-10


def test_energies_are_averaged_over_the_steps_of_a_frame():
    def sampled(schedule):
        with crystal(COMM, "fix motion all nve") as session:
            cell = Cell(mark_reference(session))
            define_energy(session)
            average = WindowAverage(session, cell, SHAPE, 4.0, 12.0, {})
            session.attach(cell, every(1))
            session.attach(average, schedule)
            session.run(30, "post no")
            return average.take(COMM)["type_energy"]

    single = [sampled(on([step])) for step in (10, 20, 30)]
    assert np.allclose(sampled(on([10, 20, 30])), np.mean(single, axis=0), rtol=1e-12)
    assert np.ptp(single, axis=0).min() > 1e-4


def test_a_field_of_one_s_own_and_one_that_is_not_defined():
    with crystal(COMM, "compute mine all property/atom type\nvariable twice atom 2*type") as session:
        cell = Cell(mark_reference(session))
        frames = observed(session, cell, on([0]), {"kind": "c_mine", "double": "v_twice"})
        session.run(0)
        (frame,) = frames
        assert np.allclose(frame["kind"], frame["composition"][0] + 2 * frame["composition"][1], rtol=1e-12)
        assert np.allclose(frame["double"], 2 * frame["kind"], rtol=1e-12)
        average = WindowAverage(session, cell, SHAPE, 4.0, 12.0, {"slip": "c_slip"})
        with pytest.raises(
            InputError, match=r"needs c_slip, which .* does not define; add 'compute slip all"
        ):
            session.attach(average, every(1))


def test_a_window_too_narrow_for_the_atoms_is_refused():
    with crystal(COMM) as session:
        cell = Cell(mark_reference(session))
        observed(session, cell, on([0]), width=0.1)
        with pytest.raises(Exception, match="leaves grid points without atoms"):
            session.run(0)


def test_energy_compute_is_defined_once():
    with crystal(COMM) as session:
        define_energy(session)
        define_energy(session)
        assert session.defines(ENERGY)

"""The time filter and the spatial average inside LAMMPS, for motions that are known."""

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.core.errors import InputError
from mdbridge.fields.grid import NodeGrid
from mdbridge.md.observe.displacement import SpatialAverage, TimeFilter
from mdbridge.md.observe.schedule import every, on
from mdbridge.md.session import Session

BOX = (40.0, 30.0)
TIMESTEP = 0.01
MASSES = np.array([12.0, 63.5])


def crowd(session, count=60, seed=5):
    """Atoms of two masses at random places, with the arrays that the observers need."""
    random = np.random.default_rng(seed)
    session.commands(f"""
        units metal
        boundary p p p
        atom_modify map array
        timestep {TIMESTEP}
        region whole block 0 {BOX[0]} 0 {BOX[1]} 0 10 units box
        create_box 2 whole
        pair_style zero 2.0
        neigh_modify every 1 delay 0 check no
        fix arrays all property/atom d2_reference 2 d2_smoothed 2 d2_load 2
        """)
    places = random.uniform((0, 0), BOX, (count, 2))
    for x, y in places:
        session.commands(f"create_atoms {random.integers(1, 3)} single {x} {y} 5.0")
    session.commands("pair_coeff * *")
    session.commands("\n".join(f"mass {i} {m}" for i, m in enumerate(MASSES, start=1)))
    session.run(0)
    session.scatter("d2_reference", session.gather("x", 2))
    session.scatter("d2_load", random.standard_normal((count, 2)))
    return session


@pytest.fixture
def session():
    with Session(MPI.COMM_SELF) as empty:
        yield crowd(empty)


def filtered_ramp(step, weight, motion):
    """[You2022, eq. 2.10] for a displacement n a: U_n = a (n - (1 - i)(1 - (1 - i)^n) / i)."""
    keep = 1 - weight
    return motion * (step - keep * (1 - keep**step) / weight)


@pytest.mark.parametrize("weight", [1.0, 0.2, 0.003])
def test_filter_of_a_ramp_across_the_boundary(session, weight):
    velocity = np.array([70.0, -45.0])  # Å/ps: several boxes in 200 steps
    session.commands(f"fix motion all move linear {velocity[0]} {velocity[1]} 0.0")
    session.attach(TimeFilter(weight), every(1))
    session.run(130)
    session.run(70)  # two runs: the step between them must count once
    assert 200 * TIMESTEP * velocity[0] > 3 * BOX[0] > 3 * np.ptp(session.gather("x", 2)[:, 0])
    expected = filtered_ramp(200, weight, TIMESTEP * velocity)
    assert np.abs(session.gather("d2_smoothed", 2) - expected).max() < 1e-10


def test_two_filters_on_one_run_do_not_disturb_each_other(session):
    velocity = np.array([70.0, -45.0])
    session.commands("fix other all property/atom d2_other 2")
    session.commands(f"fix motion all move linear {velocity[0]} {velocity[1]} 0.0")
    grid = NodeGrid.periodic_cells(BOX, 6.0)
    averages = []
    for weight, array in ((0.2, "d2_smoothed"), (0.003, "d2_other")):
        session.attach(TimeFilter(weight, array=array), every(1))
        averages.append(SpatialAverage({"": grid}, 9.0, "cone", True, array))
        session.attach(averages[-1], on([90]))
    session.run(90)
    for weight, array, average in zip((0.2, 0.003), ("d2_smoothed", "d2_other"), averages, strict=True):
        expected = filtered_ramp(90, weight, TIMESTEP * velocity)
        assert np.abs(session.gather(array, 2) - expected).max() < 1e-10
        assert np.abs(average.results[""].u - expected).max() < 1e-10  # all atoms alike


def test_filter_of_an_oscillation(session):
    amplitude, period, weight = np.array([0.7, -0.4]), 0.37, 0.05
    session.commands(f"fix motion all move wiggle {amplitude[0]} {amplitude[1]} 0.0 {period}")
    session.attach(TimeFilter(weight), every(1))
    session.run(90)
    # the geometric sum of the sampled sine, in closed form
    phase = np.exp(2j * np.pi * TIMESTEP / period)
    keep = 1 - weight
    closed = (weight * phase * (phase**90 - keep**90) / (phase - keep)).imag
    assert np.abs(session.gather("d2_smoothed", 2) - amplitude * closed).max() < 1e-12


def test_filter_forgets_what_the_atoms_carried_unless_it_resumes(session):
    session.scatter("d2_smoothed", np.full((60, 2), 3.0))
    fresh = TimeFilter(0.5)
    session.attach(fresh, every(1))
    session.run(4)
    assert np.abs(session.gather("d2_smoothed", 2)).max() == 0
    session.detach(fresh)
    session.scatter("d2_smoothed", np.full((60, 2), 3.0))
    session.attach(TimeFilter(0.5, resume=True), every(1))
    session.run(4)  # not on the step in between: what the atoms carry has it already
    assert np.allclose(session.gather("d2_smoothed", 2), 3.0 / 2**4, rtol=1e-14)


def test_a_filter_that_goes_on_counts_the_step_of_the_restart_once(session):
    velocity = np.array([70.0, -45.0])
    session.commands(f"fix motion all move linear {velocity[0]} {velocity[1]} 0.0")
    first = TimeFilter(0.02)
    session.attach(first, every(1))
    session.run(130)
    session.detach(first)
    session.attach(TimeFilter(0.02, resume=True), every(1))
    session.run(70)
    expected = filtered_ramp(200, 0.02, TIMESTEP * velocity)
    assert np.abs(session.gather("d2_smoothed", 2) - expected).max() < 1e-10


def cone(positions, nodes, radius):
    """Weights ``(nodes, atoms)`` straight from [You2022, eq. 6.1], with the nearest images."""
    away = nodes[:, None] - positions
    away -= np.array(BOX) * np.rint(away / BOX)
    tau = np.maximum(0, 1 - np.linalg.norm(away, axis=-1) / radius)
    return tau / tau.sum(axis=0)


def test_average_is_the_direct_sum_weighted_by_mass(session):
    grid = NodeGrid((1.0, 2.0), (5.0, 5.0), (8, 6), True)
    reference = session.gather("x", 2)
    session.commands("fix motion all move linear 30.0 20.0 0.0\nvelocity all set 0 0 0")
    session.scatter("d2_smoothed", np.random.default_rng(1).standard_normal((60, 2)))
    raw, smoothed = (SpatialAverage({"": grid}, 9.0, "cone", kind) for kind in (False, True))
    session.attach(raw, on([100]))
    session.attach(smoothed, on([100]))
    session.run(100)

    weights = cone(reference, grid.points(), 9.0)
    mass = MASSES[session.gather("type", 1)[:, 0].astype(int) - 1]
    load = session.gather("d2_load", 2)
    for observer, u in (
        (raw, np.broadcast_to([30.0, 20.0], (60, 2)) * 100 * TIMESTEP),
        (smoothed, session.gather("d2_smoothed", 2)),
    ):
        average = observer.results[""]
        assert average.step == 100
        assert np.allclose(average.density, weights @ mass, rtol=1e-13, atol=0)
        expected = (weights @ (mass[:, None] * u)) / (weights @ mass)[:, None]
        assert np.allclose(average.u, expected, rtol=1e-12, atol=1e-12)
        assert np.allclose(average.load, weights @ load, rtol=1e-12, atol=1e-12)
        unweighted = (weights @ u) / weights.sum(axis=1)[:, None]
        assert observer is raw or np.abs(average.u - unweighted).max() > 0.05


def test_average_keeps_mass_momentum_and_load(session):
    grids = {"": NodeGrid.periodic_cells(BOX, 5.0), "fine": NodeGrid.periodic_cells(BOX, 2.5)}
    for shape in ("cone", "paraboloid", "gaussian"):
        observer = SpatialAverage(grids, 8.0, shape)
        session.attach(observer, every(1))
        session.run(0)
        session.detach(observer)
        mass = MASSES[session.gather("type", 1)[:, 0].astype(int) - 1]
        assert observer.results.keys() == grids.keys()
        for average in observer.results.values():
            assert np.isclose(average.density.sum(), mass.sum(), rtol=1e-13)
            assert np.allclose(average.load.sum(axis=0), session.gather("d2_load", 2).sum(axis=0), atol=1e-12)


def test_nodes_without_mass_have_no_displacement(session):
    grid = NodeGrid((-200.0, 0.0), (5.0, 5.0), (60, 4), False)
    observer = SpatialAverage({"": grid}, 6.0, "cone")
    session.attach(observer, every(1))
    session.run(0)
    average = observer.results[""]
    empty = grid.points()[:, 0] < -10
    assert np.isnan(average.u[empty]).all()
    assert (average.density[empty] == 0).all()
    assert np.isfinite(average.u[average.density > 0]).all()


def test_smoothed_field_of_fast_motion_is_quieter_than_the_snapshot(session):
    session.commands("fix motion all move wiggle 0.5 0.3 0.0 0.08")
    grid = NodeGrid.periodic_cells(BOX, 5.0)
    raw, smoothed = (SpatialAverage({"": grid}, 9.0, "cone", kind) for kind in (False, True))
    session.attach(TimeFilter(0.01), every(1))
    session.attach(raw, on([98]))  # a crest of the motion
    session.attach(smoothed, on([98]))
    session.run(98)
    assert np.abs(raw.results[""].u[:, 0]).min() > 0.3
    assert np.abs(smoothed.results[""].u).max() < 0.03


def test_weights_follow_a_new_reference(session):
    grid = NodeGrid.periodic_cells(BOX, 5.0)
    observer = SpatialAverage({"": grid}, 9.0, "cone")
    session.attach(observer, every(1))
    session.commands("fix motion all move linear 0 0 0")
    session.run(1)
    before = observer.results[""].density
    session.scatter("d2_reference", np.mod(session.gather("x", 2) + 3.0, BOX))
    session.run(1)
    assert np.abs(observer.results[""].density - before).max() > 1.0


@pytest.mark.parametrize("columns", [2, 3])
@pytest.mark.parametrize("tilt", [0.0, 13.0, -17.3])
def test_fields_in_a_leaning_box_are_those_of_its_own_images(columns, tilt):
    """Against a sum over lattice images; negative tilts, and arrays that have a third component."""
    random, radius, count = np.random.default_rng(3), 7.0, 40
    with Session(MPI.COMM_SELF) as session:
        session.commands(f"""
            units metal
            atom_modify map array
            region whole prism 0 {BOX[0]} 0 {BOX[1]} 0 10 {tilt} 0 0 units box
            create_box 1 whole
            pair_style zero 2.0
            fix arrays all property/atom d2_reference {columns} d2_smoothed {columns} d2_load {columns}
            create_atoms 1 random {count} 5 whole
            mass 1 12.0
            pair_coeff * *
            run 0
            """)
        x, box = session.gather("x", 3), session.box()
        session.scatter("d2_reference", x[:, :columns])
        load = random.standard_normal((count, columns))
        session.scatter("d2_load", load)
        grid = NodeGrid.periodic_cells(BOX, 5.0)
        observer = SpatialAverage({"": grid}, radius, "cone")
        session.attach(observer, every(1))
        moved = 0.4 * random.standard_normal((count, 3))
        session.scatter("x", x + moved)
        session.run(0, "post no")
    weight = np.zeros((len(grid.points()), count))
    for shift in np.ndindex(7, 7):
        image = x[:, :2] + (np.array(shift) - 3) @ box[:2, :2]
        away = np.linalg.norm(grid.points()[:, None] - image, axis=-1)
        weight += np.maximum(0.0, 1.0 - away / radius)
    weight /= weight.sum(axis=0)
    average = observer.results[""]
    np.testing.assert_allclose(average.density, 12.0 * weight.sum(axis=1), atol=1e-11)
    np.testing.assert_allclose(average.load, weight @ load[:, :2], atol=1e-12)
    with np.errstate(invalid="ignore"):
        u = weight @ moved[:, :2] / weight.sum(axis=1)[:, None]
    np.testing.assert_allclose(average.u, u, atol=1e-10)


def test_a_grid_that_does_not_fill_the_box_is_refused(session):
    for box, words in (((41.0, 30.0), "41 × 30"), ((40.0, 29.99), r"40 × 29\.99")):
        observer = SpatialAverage({"coarse": NodeGrid.periodic_cells(box, 6.0)}, 9.0, "cone")
        with pytest.raises(InputError, match=rf"the grid 'coarse' fills a box of {words}, .* is 40 × 30"):
            session.attach(observer, every(1))


@pytest.mark.parametrize("deviations", [3.0, 5.0])
def test_the_gaussian_ends_at_so_many_standard_deviations(session, deviations):
    """Each atom's mass is shared by the nodes as exp(−(n s)²/2) says, s up to 1."""
    grid = NodeGrid.periodic_cells(BOX, 5.0)
    average = SpatialAverage({"": grid}, 12.0, "gaussian", deviations=deviations)
    session.attach(average, every(1))
    session.run(0)
    apart = grid.points()[:, None] - session.gather("d2_reference", 2)
    apart -= np.array(BOX) * np.round(apart / BOX)
    s = np.linalg.norm(apart, axis=-1) / 12.0
    share = np.where(s < 1, np.exp(-0.5 * (deviations * s) ** 2), 0.0)
    masses = MASSES[session.gather("type", 1)[:, 0].astype(int) - 1]
    expected = (share / share.sum(axis=0)) @ masses
    np.testing.assert_allclose(average.results[""].density, expected, rtol=1e-10)


class Another:
    """The other of two ranks, whose sums are those that are given."""

    def __init__(self, sums):
        self.sums = sums

    def Allreduce(self, _, into):
        into += self.sums


def test_sums_of_all_ranks_are_added_before_they_are_divided():
    """Masses 2 and 1 that moved by 3 and 6: 4 on the average, whichever rank they are on."""
    observer = SpatialAverage({}, 10.0, "cone")
    observer._sums = {"all": np.array([[2.0, 2.0 * 3.0, 0.0, 1.0, 0.0]])}
    observer.collective(Another(np.array([[1.0, 1.0 * 6.0, 3.0, 0.5, 2.0]])))
    result = observer.results["all"]
    assert result.density.tolist() == [3.0] and result.u.tolist() == [[4.0, 1.0]]
    assert result.load.tolist() == [[1.5, 2.0]]

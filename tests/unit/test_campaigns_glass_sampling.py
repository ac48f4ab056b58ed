"""Segments of a glass campaign on a small crystal: which steps are seen, and what one leaves to the next."""

from dataclasses import replace

import numpy as np
import pytest
from glass_files import stored
from glass_systems import SHEARED, crystal, glass_input, motion
from mpi4py import MPI

from mdbridge.campaigns.glass import sampling
from mdbridge.campaigns.glass.formats import GLASS
from mdbridge.campaigns.glass.frames import check_units
from mdbridge.campaigns.glass.plan import Segment
from mdbridge.campaigns.glass.sampling import Chain, Job
from mdbridge.core import store
from mdbridge.core.errors import FileError, InputError, MDError
from mdbridge.core.workspace import Record
from mdbridge.fields.box import Box
from mdbridge.md.session import Session

COMM = MPI.COMM_SELF
RATE = 0.05  # 1/ps; a step of 4 fs strains by 2e-4


def config(**observe):
    """Frames of 20 steps, each with 5 points of the curve and energies of 3 steps, 4 apart."""
    given = {
        "grid": [4, 5],
        "energy_window": 3.4,
        "strain_window": 3.4,
        "frames": 5,
        "samples": 3,
        "sample_every": 4,
        "curve_points": 5,
    } | observe
    return glass_input(100, **given)


def opened(comm, restart):
    if restart is None:
        return crystal(comm, motion(RATE))
    session = Session(comm)
    session.commands(f"atom_modify map array\nread_restart {restart}\npair_style lj/cut 7.0")
    session.commands("pair_coeff * * 0.4 2.5\ntimestep 0.004" + motion(RATE).replace("velocity", "#"))
    return session


def segment(name, steps, **options):
    return Segment(name, options.pop("stage", "shear"), steps, opened, (), **options)


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """100 steps at once, and the same cut after 60: folders of their segments, and what was told."""
    runs = {}
    for name, pieces in (("whole", (100,)), ("cut", (60, 40))):
        folders, progress, before = [], [], None
        for number, steps in enumerate(pieces):
            folder = tmp_path_factory.mktemp(f"{name}-{number}")
            piece = segment(f"run-{number}", steps, observed=True, marks=number == 0)
            sampling.run(Job(COMM, config(), folder), piece, before, progress.append)
            folders.append(folder)
            before = folder
        runs[name] = folders, progress
    return runs


def test_frames_begin_at_the_mark_and_come_at_their_strains(halves):
    frames = sampling.frames(halves["whole"][0])
    assert [int(frame["step"]) for frame in frames] == [0, 20, 40, 60, 80, 100]
    expected = 2e-4 * np.array([0, 20, 40, 60, 80, 100])
    assert np.array([float(frame["gamma"]) for frame in frames]) == pytest.approx(expected, abs=1e-9)
    assert Chain.read(halves["whole"][0][0]).natoms == 360


def test_the_curve_has_equally_many_points_a_frame_and_only_its_own(halves):
    for frames in (sampling.frames(folders) for folders, _ in halves.values()):
        steps = [frame["curve"][:, 0].astype(int).tolist() for frame in frames]
        assert steps == [[0]] + [[20 * n + 4 * k for k in range(1, 6)] for n in range(5)]


def test_cut_in_two_the_strain_goes_on_from_where_it_was(halves):
    """The step at the cut belongs to the first half alone; the atoms' own motion is begun anew there."""
    whole, cut = (sampling.frames(folders) for folders, _ in halves.values())
    assert len(whole) == len(cut) == 6
    for expected, continued in zip(whole, cut, strict=True):
        assert expected.keys() == continued.keys()
        assert expected["gamma"] == pytest.approx(continued["gamma"], abs=1e-9)
        np.testing.assert_allclose(expected["Exy"], continued["Exy"], atol=1e-3)
        np.testing.assert_allclose(expected["density"], continued["density"], rtol=0.01)
    first, second = halves["cut"][0]
    assert len(sampling.frames([first])) == 4
    assert sampling.frames([second]) == []  # it goes on from another
    assert Chain.read(first).offset == Chain.read(second).offset == 0
    assert np.array_equal(Chain.read(first).reference.edges, Chain.read(second).reference.edges)


GAS = """
    units metal
    atom_modify map array
    region whole prism 0 24 0 24 0 12 0 0 0
    create_box 2 whole
    create_atoms 1 random 300 4711 whole
    mass * 27.0
    pair_style zero 3.0
    pair_coeff * *
    timestep 0.004
    velocity all create 300.0 4711 loop geom
    neigh_modify delay 1000
"""


def test_atoms_that_cross_the_boundary_between_runs_take_over_the_velocity_of_the_box(tmp_path):
    """They do not act on each other: velocities change by that of the box alone, once a crossing."""

    def motions(session):
        """``(n,)`` velocities along x, and by how much the box has changed them."""
        y, edge = (session.gather("x", 3, unwrapped=apart)[:, 1] for apart in (True, False)), 24.0
        crossed = np.round(np.subtract(*y) / edge)
        return session.gather("v")[:, 0] + RATE * edge * crossed

    def flowing(comm, _):
        session = Session(comm)
        # what is outside of the box at the end of the first run is taken back at the set-up of the second
        session.commands(GAS + "fix motion all nve\nrun 50\nunfix motion\n")
        session.commands(motion(RATE).replace("nvt/sllod temp 150.0 150.0 0.1", "nve"))
        seen.append(motions(session))
        return session

    seen = []
    piece = Segment("run-1", "shear", 20, flowing, (), observed=True, marks=True)
    piece = replace(piece, check=lambda session: seen.append(motions(session)))
    sampling.run(Job(COMM, config(), tmp_path), piece, None, lambda _: None)
    with Session(COMM) as session:
        session.commands(f"atom_modify map array\nread_restart {tmp_path / sampling.RESTART}")
        seen.append(motions(session))
    for after in seen[1:]:
        np.testing.assert_allclose(after, seen[0], atol=1e-9)


def test_energies_are_averages_over_the_last_samples_of_a_frame(halves, tmp_path):
    """Three steps, 4 apart, that end with the frame: by runs that look at these steps alone."""
    single = []
    for step in (12, 16, 20):
        folder = tmp_path / f"{step}"
        folder.mkdir()
        data = config(frames=100 // step if 100 % step == 0 else 1, samples=1, curve_points=1)
        job = Job(COMM, data.model_copy(update={"md": data.md.model_copy(update={"steps": step})}), folder)
        job = Job(
            COMM,
            job.config.model_copy(update={"observe": job.config.observe.model_copy(update={"frames": 1})}),
            folder,
        )
        sampling.run(job, segment("a", step, observed=True, marks=True), None, lambda _: None)
        single.append(sampling.frames([folder])[1])
    frame = sampling.frames(halves["whole"][0])[1]
    weight = sum(sample["density"] for sample in single)
    np.testing.assert_allclose(frame["density"], weight / 3, rtol=1e-9)
    np.testing.assert_allclose(frame["Exy"], single[-1]["Exy"], atol=1e-12)  # the strain is that of the frame


def test_what_is_told_are_steps_of_the_segment(halves):
    progress = halves["whole"][1]
    assert progress == sorted(progress) and progress[-1] == 100


def test_a_segment_without_fields_leaves_its_history_and_is_checked(tmp_path):
    checked = []
    melt = segment("melt", 250, stage="melt", check=lambda session: checked.append(session.step))
    sampling.run(Job(COMM, config(), tmp_path), melt, None, lambda _: None)
    assert checked == [250]
    ((stage, rows),) = sampling.history([tmp_path])
    assert stage == "melt" and rows[:, 0].tolist() == [100, 200]
    assert rows[:, 2] == pytest.approx(150.0, rel=0.5)  # K, that of the whole box
    assert (tmp_path / sampling.RESTART).stat().st_size > 0
    assert not sampling.frames([tmp_path])


def test_exchanges_whose_trials_compute_forces_are_recorded_at_the_ends_of_steps(tmp_path):
    def exchanging(comm, restart):
        session = crystal(comm, "fix motion all nvt temp 150.0 150.0 0.1")
        session.commands("fix exchange all atom/swap 10 2 7 300.0 types 1 2")
        return session

    given = Segment("anneal", "anneal", 250, exchanging, (), trials=True)
    sampling.run(Job(COMM, config(), tmp_path), given, None, lambda _: None)
    ((stage, rows),) = sampling.history([tmp_path])
    assert stage == "anneal" and rows[:, 0].tolist() == [100, 200]


def test_a_trajectory_has_the_frames(tmp_path):
    data = config()
    data = data.model_copy(update={"output": data.output.model_copy(update={"trajectory": True})})
    sampling.run(Job(COMM, data, tmp_path), segment("a", 40, observed=True, marks=True), None, lambda _: None)
    lines = (tmp_path / "trajectory.lammpstrj").read_text().splitlines()
    steps = [int(lines[n + 1]) for n, line in enumerate(lines) if line == "ITEM: TIMESTEP"]
    assert steps == [0, 20, 40]


@pytest.mark.parametrize(("offset", "expected"), [(7, [7, 27, 47]), (20, [20, 40, 60])])
def test_a_trajectory_has_the_frames_whatever_step_they_begin_at(tmp_path, offset, expected):
    data = config()
    data = data.model_copy(update={"output": data.output.model_copy(update={"trajectory": True})})

    def later(comm, restart):
        session = opened(comm, restart)
        session.commands(f"run {offset}")
        return session

    shear = Segment("a", "shear", 40, later, (), observed=True, marks=True)
    sampling.run(Job(COMM, data, tmp_path), shear, None, lambda _: None)
    lines = (tmp_path / "trajectory.lammpstrj").read_text().splitlines()
    steps = [int(lines[n + 1]) for n, line in enumerate(lines) if line == "ITEM: TIMESTEP"]
    assert steps == expected == [int(frame["step"]) for frame in sampling.frames([tmp_path])]


@pytest.mark.parametrize("observed", [True, False])
def test_a_run_that_ends_early_is_no_segment_and_its_frames_are_kept(tmp_path, observed):
    def halted(comm, restart):
        session = opened(comm, restart)
        session.commands("variable now equal step\nfix stop all halt 1 v_now >= 50 error continue")
        return session

    shear = Segment("a", "shear", 100, halted, (), observed=observed, marks=observed)
    with pytest.raises(MDError, match=r"a ended at step 50, 50 of 100 steps before its end: .*fix halt"):
        sampling.run(Job(COMM, config(), tmp_path), shear, None, lambda _: None)
    assert len(sampling.frames([tmp_path])) == (3 if observed else 0)
    assert not (tmp_path / sampling.RESTART).exists()


def test_atoms_that_come_are_told_and_have_their_strain_from_then_on(tmp_path, capsys):
    def raining(comm, restart):
        session = crystal(comm, "fix motion all nve\nregion top block 1 4 1 5 1 2\ndelete_atoms region top\n")
        session.commands("fix rain all deposit 4 1 10 4711 region top near 0.4 vz 0.0 0.0")
        return session

    rain = Segment("rain", "script", 40, raining, (), observed=True, marks=True)
    # no log of a script here: the box is at rest
    sampling.run(Job(COMM, config(frames=5), tmp_path), rain, None, lambda _: None)
    frames = sampling.frames([tmp_path])
    assert "during rain 4 atoms were added: their strain" in capsys.readouterr().err
    # an atom whose reference was taken for (0, 0, 0) would have moved by the size of the box
    assert len(frames) == 3 and frames[-1]["D2min"].max() < 4.0


def test_frames_end_at_the_first_that_is_missing(tmp_path):
    first, second = tmp_path / "1", tmp_path / "2"
    for folder, numbers in ((first, (0, 1)), (second, (2, 4, 5))):
        folder.mkdir()
        for number in numbers:
            np.savez(folder / f"frame-{number:04d}.npz", step=number)
    assert [int(frame["step"]) for frame in sampling.frames([first, second])] == [0, 1, 2]
    assert sampling.frames([second]) == []


def test_histories_of_a_stage_are_joined_and_times_added(tmp_path):
    for name, stage, rows in (("1", "quench", [[1.0]]), ("2", "quench", [[2.0]]), ("3", "relax", [[3.0]])):
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / sampling.HISTORY, **{stage: np.array(rows)})
    history = dict(sampling.history([tmp_path / n for n in "123"]))
    assert {stage: rows.ravel().tolist() for stage, rows in history.items()} == {
        "quench": [1.0, 2.0],
        "relax": [3.0],
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("units metal", "units cgs"), "units cgs: the observers know the styles metal, lj"),
        (("atom_modify map array", "atom_modify map array\nboundary p f p"), "periodic along x and y"),
    ],
)
def test_systems_that_cannot_be_written_with_units_or_do_not_repeat_are_refused(change, words):
    text = SHEARED.replace("0 6 0 3 0 0 0", "0 6 0 3 0 0 0").replace(*change)
    if "boundary" in change[1]:
        text = text.replace("prism 0 5 0 6 0 3 0 0 0", "block 0 5 0 6 0 3")
    with Session(COMM) as session:
        session.commands(text)
        with pytest.raises(InputError, match=words):
            check_units(session)


def test_seconds_of_a_stage_are_those_of_its_segments():
    class Made(Record):
        def __init__(self, stage, seconds):
            object.__setattr__(self, "result", {"stage": stage})
            object.__setattr__(self, "seconds", seconds)

    records = [Made("quench", 1.5), Made("quench", 2.0), Made("relax", 0.25)]
    assert sampling.seconds(records) == {"quench": 3.5, "relax": 0.25}


def test_frames_up_to_a_gap_are_taken_and_the_file_says_that_it_is_not_complete(tmp_path):
    path = stored(tmp_path, 7)
    with store.reading(path, GLASS) as file:
        assert not file.attribute("complete", bool)
        assert file.get("gamma").shape == (7,)
    (tmp_path / "frame-0003.npz").unlink()
    assert [frame["gamma"] for frame in sampling.frames([tmp_path])] == [0.0, 0.025, 0.05]


def test_what_a_segment_leaves_is_read_back(tmp_path):
    edges = np.array([[1.0, 0, 0], [0.1, 2, 0], [0, 0, 3]])
    box = Box(edges, np.array([0.5, 0, -1.0]), (True, True, False))
    chain = Chain(box, edges + np.diag([0, 0, 0.1]), 70, 216, "lj")
    chain.write(tmp_path)
    again = Chain.read(tmp_path)
    assert np.array_equal(again.reference.edges, edges) and again.reference.periodic == box.periodic
    assert np.array_equal(again.reference.corner, box.corner)
    assert np.array_equal(again.followed, chain.followed)
    assert (again.offset, again.natoms, again.units) == (70, 216, "lj")
    Chain(units="lj").write(tmp_path)
    assert Chain.read(tmp_path) == Chain(units="lj")


def test_a_damaged_frame_is_an_error_and_no_number(tmp_path):
    stored(tmp_path, 3)
    path = tmp_path / "frame-0001.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(FileError, match=r"frame-0001\.npz: not a readable"):
        sampling.frames([tmp_path])

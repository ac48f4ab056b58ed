"""Fields of a trajectory: those of the run that wrote it, and refusals of what it lacks."""

import gzip
from types import SimpleNamespace

import numpy as np
import pytest
from field_runs import PULLED, SCRIPT, SHEARED, observe
from mpi4py import MPI

from mdbridge.campaigns.fields import dumpheaders, stages, trajectory
from mdbridge.campaigns.fields.results import FIELDS
from mdbridge.core import store
from mdbridge.core.errors import InputError, MDError
from mdbridge.md import script

DUMP = """
dump out all custom 20 {name} {columns}
dump_modify out format float %.17g time yes units yes {more}
"""
ALL = [
    "displacement", "affine_displacement", "density", "velocity", "temperature", "potential_energy", "stress",
    "strain", "D2min", "composition",
]  # fmt: skip
FORCES = ("potential_energy", "stress")
KINDS = {
    "wrapped with images": "id type x y z ix iy iz vx vy vz",
    # of the two LAMMPS itself would take the first
    "unwrapped": "id type x y z xu yu zu vx vy vz",
    "scaled": "id type xs ys zs ix iy iz vx vy vz",
}


def dumped(folder, motion, columns, name="my.lammpstrj", more="", script=SCRIPT, **changes):
    """A live run that writes a dump; returns its fields.h5."""
    script = script + motion + DUMP.format(name=name, columns=columns, more=more)
    return observe(folder, script, fields=ALL, steps=120, **changes) / "fields.h5"


def replay(folder, motion, fields=ALL, script=True, name="my.lammpstrj", more="", every="every = 20"):
    """The dump of a live run in ``folder`` through the observers."""
    source = folder / "replay.toml"
    (folder / "again.in").write_text(SCRIPT + motion)
    own = 'script = "again.in"' if script else ""
    source.write_text(
        f"""campaign = "fields"
[md]
{own}
trajectory = "{name}"
[grid]
axes = "xy"
cells = [5, 4]
[kernel]
shape = "cone"
radius = 2.5
[observe]
{every}
fields = {fields}
{more}
[output]
figures = false
vtk = false
""".replace("'", '"')
    )
    stages.observe(MPI.COMM_SELF, source, folder / "replayed", ())
    return folder / "replayed" / "fields.h5"


def compare(live, again, names):
    with store.reading(live, FIELDS) as original, store.reading(again, FIELDS) as replayed:
        assert original.integers("step").tolist() == replayed.integers("step").tolist()
        np.testing.assert_allclose(original.get("time"), replayed.get("time"), rtol=1e-12)
        np.testing.assert_allclose(original.get("box"), replayed.get("box"), rtol=1e-12, atol=1e-12)
        for name in names:
            expected = original.get(name)
            np.testing.assert_allclose(
                replayed.get(name), expected, rtol=0, atol=1e-9 * np.abs(expected).max()
            )


@pytest.mark.parametrize("kind", KINDS)
def test_a_trajectory_has_the_fields_of_its_run(tmp_path, kind):
    motion = "fix motion all npt temp 0.5 0.5 0.4 aniso 0.0 0.0 2.0\n"
    live = dumped(tmp_path, motion, KINDS[kind])
    compare(live, replay(tmp_path, motion), ALL)


def test_a_trajectory_of_a_stretched_box(tmp_path):
    live = dumped(tmp_path, PULLED, KINDS["unwrapped"])
    # forces and energies of a step are those before 'fix deform' moves atoms and box, those of a dump after
    compare(live, replay(tmp_path, PULLED), [name for name in ALL if name not in FORCES])


def test_a_trajectory_of_a_sheared_box_beyond_a_flip(tmp_path):
    fast = SHEARED.replace("1.0*ly", "3.0*ly").replace("erate 1.0", "erate 3.0")
    live = dumped(tmp_path, fast, KINDS["wrapped with images"])
    with pytest.raises(InputError, match=r"take observe\.kinetic = 'mean'"):
        replay(tmp_path, fast)
    again = replay(tmp_path, fast, more="kinetic = 'mean'")
    compare(live, again, [name for name in ALL if name not in FORCES])
    with store.reading(again, FIELDS) as file:
        assert np.isnan(file.group("curve").get("temperature")).all()
        assert file.get("box")[-1, 1, 0] > 0.5 * file.get("box")[-1, 0, 0]


def test_a_trajectory_alone_and_packed(tmp_path, capfd):
    kinematic = ["displacement", "density", "velocity", "temperature", "strain", "composition"]
    # of a box that cannot lean
    script = SCRIPT.replace("prism 0 5 0 4 0 3 0 0 0", "block 0 5 0 4 0 3")
    live = dumped(tmp_path, PULLED, "id type mass xu yu zu vx vy vz", script=script)
    # of a path with blanks, or of letters beyond ASCII, LAMMPS's commands lose a part
    with gzip.open(tmp_path / "höhe 1.lammpstrj.gz", "wb") as packed:
        packed.write((tmp_path / "my.lammpstrj").read_bytes())
    again = replay(tmp_path, "", kinematic, script=False, name="höhe 1.lammpstrj.gz", every="")
    compare(live, again, kinematic)
    # of gzip, of whose words LAMMPS reads the first frame alone
    assert "pipe" not in capfd.readouterr().err
    with store.reading(again, FIELDS) as file:
        curve = file.group("curve")
        assert np.isnan(curve.get("stress")).all() and np.isnan(curve.get("potential_energy")).all()
        assert np.isfinite(curve.get("temperature")).all()


def test_a_single_frame_is_a_trajectory_unless_it_has_an_atom_twice(tmp_path):
    live = dumped(tmp_path, PULLED, "id type mass xu yu zu vx vy vz")
    text = (tmp_path / "my.lammpstrj").read_text()
    first = text.index("ITEM: TIMESTEP")
    second = text.index("ITEM: TIMESTEP", first + 1)
    # of some dumps the time stands before the step
    end = max(text.rfind("ITEM: TIME\n", first, second), text.rfind("ITEM: UNITS\n", first, second))
    (tmp_path / "one.lammpstrj").write_text(text[: second if end < 0 else end])
    again = replay(tmp_path, "", ["density"], script=False, name="one.lammpstrj", every="")
    with store.reading(live, FIELDS) as original, store.reading(again, FIELDS) as replayed:
        np.testing.assert_allclose(replayed.get("density"), original.get("density")[:1], rtol=1e-9)
    # LAMMPS would go on with one atom less
    head, mark, last = (tmp_path / "one.lammpstrj").read_text().rpartition("ITEM: ATOMS")
    rows = last.split("\n")
    (tmp_path / "one.lammpstrj").write_text(head + mark + "\n".join([*rows[:2], rows[1], *rows[3:]]))
    with pytest.raises(MDError, match="239 atoms of the 240 of step 0: an ID may be there twice"):
        replay(tmp_path, "", ["density"], script=False, name="one.lammpstrj", every="")


@pytest.mark.parametrize(
    ("columns", "fields", "script", "more", "words"),
    [
        ("id type x y z", ["velocity"], True, "", "'velocity' needs velocities, the columns vx vy vz"),
        ("id type x y z vx vy vz", ["strain"], True, "", "'strain' needs image flags"),
        ("id type x y z vx vy vz", ["density"], False, "", "'density' needs masses"),
        ("id type mass x y z vx vy vz", ["stress"], False, "", "'stress' needs the potential"),
        ("type x y z", ["number_density"], True, "", "needs the columns id, type and x y z"),
        (
            "id type x y z",
            ["number_density"],
            True,
            "average_over = 2",
            "needs step 19, which the",
        ),
        ("id type x y z", ["displacement"], True, "time_filter = 0.1", "acts at every step"),
    ],
)
def test_a_dump_that_lacks_what_a_field_needs_is_refused_before(
    tmp_path, columns, fields, script, more, words
):
    dumped(tmp_path, PULLED, columns)
    with pytest.raises(InputError) as error:
        replay(tmp_path, PULLED, fields, script, more=more)
    assert words in str(error.value)
    assert not (tmp_path / "replayed" / "lammps.log").exists()


def test_dumps_of_part_of_the_atoms_have_no_forces(tmp_path):
    script = SCRIPT + PULLED + "dump out heavy custom 20 my.lammpstrj id type x y z vx vy vz\n"
    observe(tmp_path, script)
    with pytest.raises(InputError, match="needs all atoms that act on each other"):
        replay(tmp_path, PULLED, ["stress"])
    again = replay(tmp_path, PULLED, ["number_density"])
    with store.reading(again, FIELDS) as file:
        number = file.get("number_density", at=-1).mean()
        assert 0.2 < number / (0.9 / 1.08) < 0.4  # three in ten atoms are heavy; the box has grown by 8 %
        # energies of these alone are those of no system
        curve = file.group("curve")
        assert np.isnan(curve.get("stress")).all() and np.isnan(curve.get("potential_energy")).all()
        assert np.isfinite(curve.get("temperature")).all()


def test_a_replay_writes_over_nothing_of_the_run_that_made_the_trajectory(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    written = "dump out all custom 20 my.lammpstrj id type x y z\n"
    observe(tmp_path, SCRIPT + PULLED + written)
    before = (tmp_path / "my.lammpstrj").read_bytes()
    replay(tmp_path, PULLED + written, ["number_density"])
    assert (tmp_path / "my.lammpstrj").read_bytes() == before
    # LAMMPS would write it anew before anybody reads it
    with pytest.raises(InputError, match="the trajectory: they would write over it"):
        replay(tmp_path, PULLED + written + "run 20\n", ["density"])
    assert (tmp_path / "my.lammpstrj").read_bytes() == before
    # nor any other dump of an earlier run
    (tmp_path / "other.lammpstrj").write_text("of an earlier run")
    again = PULLED + "dump out all custom 20 other.lammpstrj id type x y z\nrun 20\n"
    with pytest.raises(InputError, match=r"a dump into other\.lammpstrj, which is there"):
        replay(tmp_path, again, ["density"])
    assert (tmp_path / "other.lammpstrj").read_text() == "of an earlier run"
    assert not list((tmp_path / "here").iterdir())


def test_damaged_dumps_are_told_from_whole_ones(tmp_path):
    dumped(tmp_path, PULLED, "id type x y z")
    whole = (tmp_path / "my.lammpstrj").read_text()
    path = tmp_path / "other.lammpstrj"
    for text, words in (
        (whole[:-200], "cut or damaged in the frame of step 120"),
        (whole + whole[: whole.index("ITEM: TIME\n", 99)], "follows step 120"),
        ("# a table\n1 2 3\n", "where a LAMMPS dump has 'ITEM"),
        ("", "holds no frame"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=words):
            dumpheaders.headers(path)
    path.write_bytes(b"\x80\x81\xff" * 100)
    with pytest.raises(InputError, match="not a text dump"):
        dumpheaders.headers(path)


def test_a_trajectory_of_a_plate_that_its_box_follows(tmp_path):
    """Two dimensions, free boundaries: a box that is wrapped around the atoms is so again."""
    plate = """
units           lj
dimension       2
boundary        s s p
lattice         hex 0.93
region          whole block 0 9 0 6 -0.25 0.25
create_box      1 whole
create_atoms    1 box
mass            1 1.0
pair_style      lj/cut 2.5
pair_coeff      1 1 1.0 1.0
velocity        all create 0.3 4711 loop geom
fix             motion all nve
timestep        0.004
dump            out all custom 20 plate.lammpstrj id type xu yu zu vx vy vz
dump_modify     out format float %.17g time yes units yes
"""
    names = ["displacement", "velocity", "temperature", "stress", "strain"]
    text = """campaign = "fields"
[md]
script = "plate.in"
{source}
[grid]
axes = "xy"
cells = [6, 5]
[kernel]
shape = "quartic"
radius = 3.0
[observe]
every = 20
fields = ["displacement", "velocity", "temperature", "stress", "strain"]
[output]
figures = false
vtk = false
"""
    (tmp_path / "plate.in").write_text(plate)
    for name, source in (("live", "steps = 60"), ("again", 'trajectory = "plate.lammpstrj"')):
        (tmp_path / f"{name}.toml").write_text(text.format(source=source))
        stages.observe(MPI.COMM_SELF, tmp_path / f"{name}.toml", tmp_path / name, ())
        # the replay must not write over what it reads
        (tmp_path / "plate.in").write_text(plate[: plate.index("dump ")])
    compare(tmp_path / "live" / "fields.h5", tmp_path / "again" / "fields.h5", names)
    curves = []
    for name in ("live", "again"):
        with store.reading(tmp_path / name / "fields.h5", FIELDS) as file:
            curve = file.group("curve")
            curves.append(dict(zip(curve.integers("step").tolist(), curve.get("stress"), strict=True)))
    assert list(curves[1]) == [0, 20, 40, 60]
    # LAMMPS's own pressure is that of a box which it wraps anew, 1.5 % off
    for step, stress in curves[1].items():
        np.testing.assert_allclose(stress, curves[0][step], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("defined", "more", "words"),
    [
        ("region low block INF 2 INF INF INF INF\ngroup near dynamic all region low\nrun 0", "group = 'near'",
         "a dynamic group is not brought up to date"),
        ("fix mean all ave/atom 2 5 20 vx", "[observe.extra]\nspeed = 'f_mean'",
         "fix ave/atom averages over steps that a trajectory does not have"),
    ],
)  # fmt: skip
def test_what_changes_between_frames_is_refused(tmp_path, defined, more, words):
    """LAMMPS would hand over what it was when the script ended."""
    path = tmp_path / "my.lammpstrj"
    with script.start(MPI.COMM_SELF, written(tmp_path), tmp_path / "log", {}, None) as session:
        session.quietly(f"write_dump all custom {path} id type x y z vx vy vz")
    with pytest.raises(InputError, match=words):
        replay(tmp_path, PULLED + defined + "\n", ["density"], more=more, every="")


def written(folder):
    (folder / "first.in").write_text(SCRIPT)
    return folder / "first.in"


@pytest.mark.parametrize(
    ("every", "ends", "looks"),
    [(20, [7, 27, 47], {7, 17, 27, 37, 47}), (None, [7, 17, 27, 37, 47, 57], {7, 17, 27, 37, 47, 57})],
)
def test_frames_of_a_dump_are_counted_from_its_first(every, ends, looks):
    recorded = [SimpleNamespace(step=step) for step in range(7, 60, 10)]
    config = SimpleNamespace(observe=SimpleNamespace(every=every, average_over=2, average_every=10))
    assert trajectory._chosen("dump", recorded, config) == (ends, looks)

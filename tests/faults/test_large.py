"""Inputs that are merely large, as a slip of some zeros makes them: refused before anything is made."""

import forked
import pytest
import small_inputs
from test_glass_faults import TINY

STUDY = 'campaign = "graphene-study"\n'
GRAPHENE = 'campaign = "graphene"\n'
ROOM = 3e8
"""Bytes that a command may take to find out; this process has most of what it imports already."""


def study(folder):
    """The study of the two bundled campaigns."""
    folder.mkdir(parents=True)
    (folder / "in.toml").write_text(STUDY)
    return small_inputs.Case(folder, ["study", "in.toml", "--out", "out"])


def melted(folder):
    """A glass that is made here."""
    return small_inputs.glass(folder, text=TINY)


LARGE = [
    (small_inputs.observe, ["grid.cells=[100000, 100000]"], "memory"),
    (small_inputs.observe, ["grid.cells=[4, 4]", f"md.steps={10**15}", "observe.every=1"], "memory"),
    (small_inputs.observe, [f"md.steps={10**14}", f"observe.every={10**13}"], "at least on 1 rank"),
    (small_inputs.observe, [f"grid.cells=[{10**400}, 4]"], "memory"),
    (small_inputs.shear, ["grid.nx=100000", "grid.ny=100000"], "memory"),
    (small_inputs.shear, ["shear.frames=1000000000"], "memory"),
    (small_inputs.shear, ["shear.max_strain=1e12"], "at least on 1 rank"),
    (small_inputs.calibrate, ["ego.evaluations=10000000"], "memory"),
    (small_inputs.calibrate, ["ego.initial=10000000000", "ego.evaluations=10000000001"], "memory"),
    (small_inputs.calibrate, ["ego.scheme=published", "ego.samples=10000000000"], "memory"),
    (melted, ["md.cells=[5000, 5000, 5000]"], "memory"),
    (melted, ["md.cells=[100, 100, 100]", "ensemble.seeds=1000000"], "at least on 1 rank"),
    (melted, ["md.melt_ps=1e12"], "at least on 1 rank"),
    (melted, ["observe.grid=[100000, 100000]"], "memory"),
    (small_inputs.graphene, ["md.cells=[100000, 100000]"], "memory"),
    (small_inputs.graphene, ["md.disc_radius_A=1e7"], "memory"),
    (small_inputs.graphene, ["coarse.fine_spacing_A=1e-4"], "memory"),
    (small_inputs.graphene, ["thermal.duration_ps=1e9"], "at least on 1 rank"),
    (study, ["bootstrap.replicates=1000000000000"], "memory"),
    (study, ["manufactured.spacings_A=[5.0, 1e-4]"], "memory"),
]


QUICK = [LARGE[0], LARGE[4], LARGE[7]]
"""Those that always run; the others differ in their numbers."""
CASES = [pytest.param(*case, marks=[] if case in QUICK else pytest.mark.slow) for case in LARGE]


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """Bytes that a command holds which does nothing."""
    return forked.run(["version"], tmp_path_factory.mktemp("usual")).peak


def shown(value):
    """A test's name of a parameter: the same in every process, as an address is not."""
    return getattr(value, "__name__", str(value))[:40]


@pytest.mark.parametrize(("make", "changes", "words"), CASES, ids=shown)
def test_what_is_too_large_is_told_before_anything_is_made(tmp_path, usual, make, changes, words):
    case = make(tmp_path / "a")
    settings = [word for change in changes for word in ("--set", change)]
    outcome = forked.run([*case.arguments, *settings], case.folder, within=30)
    outcome.require_refused("would take", words, "or say --yes")
    assert outcome.code == 2
    assert outcome.peak - usual < ROOM
    assert not case.out.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "change"),
    [(make, changes) for make, changes, words in LARGE if words == "memory"][::4],
    ids=shown,
)
def test_a_dry_run_of_what_has_no_room_is_refused_too(tmp_path, make, change):
    case = make(tmp_path / "a")
    settings = [word for text in change for word in ("--set", text)]
    outcome = forked.run([*case.arguments, *settings, "--dry-run"], case.folder, within=30)
    outcome.require_refused("would take", "memory")


@pytest.mark.slow
def test_who_says_yes_is_not_asked(tmp_path):
    """Frames of which none is kept, and one too many of them by a rule, not by this machine."""
    case = small_inputs.shear(tmp_path / "a")
    long = ["--set", "shear.max_strain=1e12", "--set", "shear.frames=1"]
    outcome = forked.run([*case.arguments, *long, "--yes", "--max-walltime", "1"], case.folder, within=30)
    assert outcome.code == 75, outcome


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        ("[70, 0], [70, 70], [0, 70]", "[200000, 0], [200000, 200000], [0, 200000]"),
        ("[output]", "[[domain.holes]]\ncentre = [35, 35]\nradius = 1e12\n[output]"),
        ("[output]", "[solve]\nmax_iterations = 1000000000000\n[output]"),
    ],
)
def test_a_body_of_too_many_nodes_is_told(tmp_path, usual, change):
    case = small_inputs.learn(tmp_path / "a")
    assert forked.run(case.arguments, case.folder).code == 0
    (case.folder / "body.toml").write_text(small_inputs.BODY.replace(*change))
    arguments = ["solve", "in.toml", "--out", "out", "--problem", "body.toml"]
    outcome = forked.run(arguments, case.folder, within=30)
    assert outcome.peak - usual < ROOM
    if "max_iterations" in change[1]:  # a bound, and no work of its own
        assert outcome.code == 0, outcome
    else:
        outcome.require_refused("nodes" if "200000" in change[1] else "hole")

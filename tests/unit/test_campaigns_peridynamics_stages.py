"""Keys of the graphene campaign's stages, and where a potential is looked for."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mpi4py import MPI
from pydantic import ValidationError
from thread_ranks import together

from mdbridge.campaigns.peridynamics import stages as campaign_stages
from mdbridge.campaigns.peridynamics.formats import DATASET
from mdbridge.campaigns.peridynamics.input import MD as MDInput
from mdbridge.campaigns.peridynamics.input import (
    Coarse,
    Dynamics,
    GrapheneInput,
    Learn,
    Parallel,
    Solve,
    Sweep,
    Thermal,
)
from mdbridge.campaigns.peridynamics.stages import Campaign, open_campaign
from mdbridge.core import store
from mdbridge.core.errors import InputError
from mdbridge.core.stages import products
from mdbridge.core.workspace import Workspace
from mdbridge.fields.fieldset import FieldSet
from mdbridge.fields.storage import put_fields
from mdbridge.md.crystals import planar_crystal

BASE = GrapheneInput(campaign="graphene")
WARM = GrapheneInput(campaign="graphene", thermal=Thermal(), dynamics=Dynamics(enabled=False))


def opened(config, out="out"):
    return Campaign(MPI.COMM_SELF, config, Path("a.toml"), Workspace(Path(out), "graphene"))


def keys(config, out="out"):
    """All pieces of work that a run of the campaign does, with their keys."""
    campaign = opened(config, out)
    identities = {task.name: task.identity.key for task in campaign.samples.tasks}
    identities |= {task.name: task.identity.key for task in campaign.pairs.tasks}
    products = (campaign.dataset, campaign.model, campaign.solutions, campaign.summary)
    return identities | {product.name: product.identity.key for product in products}


def redone(before, **sections):
    old, new = keys(before), keys(before.model_copy(update=sections))
    return {name for name in new if old.get(name) != new[name]}


def written(campaign, monkeypatch):
    """What stands at the top when each product writes a line, and 'sample' collects nothing."""

    def work(folder, product):
        for name in product.files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"{name} of {product.identity.key}")

    def make(comm, workspace, product, again=False):
        return products.make(comm, workspace, replace(product, work=lambda f: work(f, product)), again)

    monkeypatch.setattr(campaign_stages.stages, "make", make)
    return {path.name for path in campaign.workspace.root.glob("*.*") if path.is_file()}


def test_after_learn_or_sample_alone_nothing_of_the_former_model_is_left_beside_it(tmp_path, monkeypatch):
    former = opened(BASE, tmp_path)
    written(former, monkeypatch)
    campaign_stages.sample_campaign(former)
    for product in (former.model, former.solutions, former.summary):
        campaign_stages.stages.make(former.comm, former.workspace, product)
    assert {"model.json", "solutions.h5", "summary.json"} <= written(former, monkeypatch)
    learned = opened(BASE.model_copy(update={"learn": Learn(seed=7)}), tmp_path)
    campaign_stages.stages.make(learned.comm, learned.workspace, learned.model)
    assert written(learned, monkeypatch) == {"dataset.h5", "model.json"}
    sampled = opened(BASE.model_copy(update={"md": MDInput(max_bond_strain=0.001)}), tmp_path)
    campaign_stages.sample_campaign(sampled)
    assert written(sampled, monkeypatch) == {"dataset.h5"}


SHEET = {f"train-{a}-{m}-{n}" for a in "xy" for m in range(6) for n in range(6)} - {
    "train-x-0-0",
    "train-y-0-0",
}
SHEET |= {f"val-{n:02d}" for n in range(1, 11)}
DISC = {f"test-{n}" for n in range(1, 5)}
PAIRS = {"delta-12.5-M-0", *(f"delta-{d}-M-{m}" for d in (25.5, 28.5) for m in (16, 24))}
MODEL = {"learn", "solve", "report"}


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"dynamics": Dynamics(duration_ps=0.06)}, {"dynamics", "sample", "report"}),
        ({"md": MDInput(disc_radius_A=90.0)}, {*DISC, "sample", "solve", "report"}),
        ({"md": MDInput(max_nonlinearity=0.01)}, {*SHEET, *DISC, "sample", *PAIRS, *MODEL}),
        ({"md": MDInput(timestep_ps=0.0004)}, {"dynamics", "sample", "report"}),
        ({"md": MDInput(potential="SiC.tersoff")}, set()),  # the crystal's own
        ({"md": MDInput(cells=[40, 23])}, {*SHEET, "dynamics", "sample", *PAIRS, *MODEL}),
        ({"coarse": Coarse(radius_A=11.0)}, {*SHEET, *DISC, "dynamics", "sample", *PAIRS, *MODEL}),
        ({"coarse": Coarse(disc_nodes="sheet")}, {*DISC, "sample", *PAIRS, *MODEL}),
        ({"learn": Learn(seed=7)}, {*PAIRS, *MODEL}),
        ({"learn": Learn(horizons_A=[25.5, 28.5], degrees=[16])}, MODEL),
        ({"solve": Solve(max_iterations=7)}, {"solve", "report"}),
        ({"sweep": Sweep(degrees=[1])}, set()),
        ({"parallel": Parallel(ranks_per_sample=2)}, set()),
    ],
)
def test_a_changed_key_redoes_what_reads_it_and_nothing_else(sections, expected):
    assert len(SHEET) == 80
    assert redone(BASE, **sections) == expected


def test_a_changed_key_of_the_warm_campaign_redoes_what_reads_it():
    other = redone(WARM, thermal=Thermal(elastic_ps=4.0))
    assert other == {"elastic-0", "elastic-1", "elastic-2", "elastic-3", "sample", "report"}
    other = redone(WARM, thermal=Thermal(disc_duration_ps=3.0))
    opposite = {f"{name}-minus" for name in DISC}
    assert other == {*DISC, *opposite, "unloaded-disc", "sample", "solve", "report"}
    other = redone(WARM, md=MDInput(timestep_ps=0.0004))
    assert set(keys(WARM)) - other == {"elastic"}  # at rest there is no timestep
    # reduced loads are none of what the standard variant is learned from
    other = redone(WARM, thermal=Thermal(load_factors=[1.0, 0.5]))
    assert {name for name in other if not name.startswith("train")} == {"sample", "report"}


def test_the_folder_and_the_place_of_the_input_are_in_no_key():
    assert keys(BASE) == keys(BASE, "elsewhere")


def test_another_potential_under_the_same_name_redoes_all_samples(tmp_path):
    path = tmp_path / "mine.tersoff"
    path.write_text("one")
    config = BASE.model_copy(update={"md": MDInput(potential=str(path))})
    before = keys(config)
    path.write_text("two")
    after = keys(config)
    assert {name for name in after if before[name] == after[name]} == set()


AIREBO = {"potential": "CH.airebo", "pair_style": "airebo 3.0", "pair_coeff": "* * {potential} C"}


def test_another_crystal_or_pair_style_redoes_everything_and_is_named():
    for md in (MDInput(crystal="boron-nitride"), MDInput(**AIREBO)):
        assert redone(BASE, md=md) == set(keys(BASE))
    before, after = (
        next(task for task in opened(config).samples.tasks if task.name == "elastic").identity
        for config in (BASE, BASE.model_copy(update={"md": MDInput(**AIREBO)}))
    )
    differences = before.differences(after)
    assert "crystal.pair_style was 'tersoff', now 'airebo 3.0'" in differences
    assert "the file of md.potential has changed" in differences


@pytest.mark.parametrize("change", [{"masses": (12.0,)}, {"thickness": 3.4}, {"bonded": 1.2}])
def test_a_crystal_whose_definition_changes_is_another_one(change, monkeypatch):
    """As it does for one who writes his own."""
    before = keys(BASE)
    monkeypatch.setattr("mdbridge.md.graphene.CRYSTAL", replace(planar_crystal("graphene"), **change))
    assert set(before) == {name for name, key in keys(BASE).items() if before[name] != key}


def test_a_list_of_pairs_does_not_change_what_a_pair_is_learned_from():
    other = opened(BASE.model_copy(update={"learn": Learn(horizons_A=[20.0], degrees=[3])}))
    assert other.pairs_from().key == opened(BASE).pairs_from().key
    assert other.model.identity.key != opened(BASE).model.identity.key


def test_a_relative_potential_is_looked_for_beside_the_file_that_names_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "inputs"
    folder.mkdir()
    (folder / "mine.tersoff").write_text("# a potential")
    (folder / "a.toml").write_text('campaign = "graphene"\n[md]\npotential = "mine.tersoff"\n')
    with open_campaign(MPI.COMM_SELF, Path("inputs/a.toml"), tmp_path / "out", []) as campaign:
        assert campaign.config.md.potential == str(folder / "mine.tersoff")


def test_several_potentials_are_looked_for_beside_the_file_and_known_by_their_labels(tmp_path):
    (tmp_path / "mine.tersoff").write_text("# a potential")
    md = MDInput(
        pair_style="hybrid/overlay tersoff airebo 3.0",
        pair_coeff=["* * tersoff {bonds} C", "* * airebo {far} C"],
        potential={"bonds": "mine.tersoff", "far": "CH.airebo"},
    )
    whole = md.beside(tmp_path)
    assert whole.potential == {"bonds": str(tmp_path / "mine.tersoff"), "far": "CH.airebo"}
    task = opened(BASE.model_copy(update={"md": whole})).samples.tasks[0]
    assert set(task.identity.files) == {"md.potential.bonds", "md.potential.far"}
    assert [line.split()[:2] for line in whole.planar.pair_commands()] == [
        ["pair_style", "hybrid/overlay"],
        ["pair_coeff", "*"],
        ["pair_coeff", "*"],
    ]


@pytest.mark.parametrize(
    ("md", "words"),
    [
        ({"crystal": "diamond"}, "must be one of graphene, boron-nitride"),
        ({"pair_style": "airebo 3.0"}, r"md\.pair_style is given without md\.pair_coeff"),
        ({"pair_coeff": "* * {potential} C"}, r"md\.pair_coeff is given without md\.pair_style"),
        ({"pair_style": "", "pair_coeff": "* *"}, "pair_style"),
        ({"pair_style": "tersoff\nrun 0", "pair_coeff": "* *"}, "pair_style"),
        ({"timestep_ps": 0.0}, "timestep_ps"),
    ],
)
def test_atoms_that_make_no_sense_are_refused(md, words):
    with pytest.raises(ValidationError, match=words):
        MDInput.model_validate(md)


def test_lines_and_files_that_do_not_go_together_are_told_before_any_work(tmp_path):
    (tmp_path / "a.toml").write_text(
        'campaign = "graphene"\n[md]\npair_style = "airebo 3.0"\npair_coeff = "* * {file} C"\n'
    )
    with (
        pytest.raises(InputError, match=r"\{file\} .* stands for no file"),
        open_campaign(MPI.COMM_SELF, tmp_path / "a.toml", tmp_path / "out", []),
    ):
        pass


def test_the_guess_is_that_of_the_shortest_bond():
    planar = MDInput(bond_guess_A=1.4).planar
    assert planar.lattice_guess * planar.shortest == pytest.approx(1.4)
    assert MDInput().planar.lattice_guess * planar.shortest == pytest.approx(1.46)


@pytest.mark.parametrize(("ranks", "groups"), [(1, 4), (2, 2), (3, 1), (8, 1)])
def test_the_time_of_sampling_is_that_of_groups_that_work_side_by_side(tmp_path, monkeypatch, ranks, groups):
    """Samples are made by so many ranks each; more than there are make one group."""
    durations = []
    monkeypatch.setattr(campaign_stages.stages, "share", lambda *_: None)
    monkeypatch.setattr(campaign_stages.stages, "seconds", lambda *_: 24.0)
    monkeypatch.setattr(campaign_stages.sampling, "stored", lambda *_: {})
    monkeypatch.setattr(
        campaign_stages.sampling, "collect", lambda *arguments: durations.append(arguments[-1])
    )
    config = BASE.model_copy(update={"parallel": Parallel(ranks_per_sample=ranks)})

    def work(comm):
        campaign_stages._collect(replace(opened(config), comm=comm), tmp_path)

    together(4, work)
    assert durations == [24.0 / groups]


@pytest.mark.parametrize(
    ("command", "more", "expected"),
    [
        ("sample", [], ["sampled"]),
        ("learn", [], ["model"]),
        ("learn", [True], ["swept"]),
        ("solve", [], ["solutions", "baselines"]),
        ("report", [], ["summary again", "shown"]),
        ("run", [], ["sampled", "model", "solutions", "baselines", "summary", "shown"]),
    ],
)
def test_a_command_does_its_pieces_in_order(monkeypatch, command, more, expected):
    done = []
    names = ("model", "solutions", "baselines", "summary")
    campaign = SimpleNamespace(workspace=None, **{name: name for name in names})
    monkeypatch.setattr(campaign_stages, "open_campaign", lambda *_: nullcontext(campaign))
    for name, words in (("sample_campaign", "sampled"), ("run_sweep", "swept"), ("_show", "shown")):
        monkeypatch.setattr(campaign_stages, name, lambda _, words=words: done.append(words))

    def make(comm, workspace, product, again=False):
        done.append(product + (" again" if again else ""))

    monkeypatch.setattr(campaign_stages.stages, "make", make)
    getattr(campaign_stages, command)(MPI.COMM_SELF, Path("a.toml"), Path("out"), [], *more)
    assert done == expected


@pytest.fixture(scope="module")
def variants(tmp_path_factory):
    """A dataset: samples of the standard are 1, of the loud variant 2; one has those of the disc alone."""

    def samples(value):
        u = np.full((1, 4, 2), float(value))
        nodes = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        return FieldSet(nodes, u, u, np.zeros((1, 1)), ["k"], ["a"], np.full(2, 2.0), np.ones(2), (2, 2))

    path = tmp_path_factory.mktemp("variants") / "dataset.h5"
    with store.writing(path, DATASET, "key") as file:
        loud = file.group("variants/loud")
        for split in ("train", "val", "test"):
            put_fields(file, split, samples(1))
            put_fields(loud, split, samples(2))
        put_fields(file.group("variants/part"), "test", samples(3))
    return path


@pytest.mark.parametrize(
    ("chosen", "asked", "words"),
    [
        ("", None, None),
        ("", "loud", None),
        ("loud", "", None),
        ("quiet", None, r"'learn.variant' = 'quiet': .*h5 has loud, part$"),
        ("part", None, r"'part': has no train, val \(only test\); whole are"),
    ],
)
def test_samples_are_those_of_the_variant(variants, monkeypatch, chosen, asked, words):
    monkeypatch.setattr(campaign_stages.stages, "require", lambda *_: variants)
    campaign = opened(BASE.model_copy(update={"learn": Learn(variant=chosen)}))
    with nullcontext() if words is None else pytest.raises(InputError, match=words):
        fields = campaign_stages.read_fields(campaign, ("train", "val"), asked)
        expected = 2.0 if (chosen if asked is None else asked) else 1.0
        assert list(fields) == ["train", "val"] and {f.u.max() for f in fields.values()} == {expected}

"""Steps from the paper's setting to ours: each changes one thing, and baselines know their data."""

from types import SimpleNamespace

from mdbridge.campaigns.graphene_study import worth
from mdbridge.campaigns.graphene_study.input import Campaigns, Compare
from mdbridge.campaigns.peridynamics.formats import DATASET
from mdbridge.campaigns.peridynamics.input import GrapheneInput, Learn
from mdbridge.core import store
from mdbridge.core.config import check
from mdbridge.core.identity import Identity


def test_steps_begin_with_the_paper_s_pair_and_end_with_ours():
    first, *_, last = worth.STEPS.values()
    assert first[:2] == (worth.LOUD, worth.PAPERS) and first[2]["method"] == "algorithm-1"
    assert last[:2] == ("0K", worth.OURS) and last[2]["own_dilatation"]
    steps = Compare().steps
    assert (steps[worth.PAPERS], steps[worth.OURS]) == ([20.0, 10], [28.5, 24])
    for _, _, changes in worth.STEPS.values():
        Learn(**changes)
    # every step is another fit
    assert len({repr(step) for step in worth.STEPS.values()}) == len(worth.STEPS)


def test_the_paper_s_loads_are_large_of_one_sign_and_not_lowered():
    values = dict(item.split("=") for item in Campaigns().loud_set)
    assert values["md.max_bond_strain"] == "0.018" and values["loads.two_sided"] == "false"
    assert float(values["md.max_nonlinearity"]) == 1.0
    loud = {"campaign": "graphene", "md": {"max_bond_strain": 0.018, "max_nonlinearity": 1.0}}
    assert check(loud, GrapheneInput, "loud.toml").md.max_bond_strain == 0.018


def test_baselines_are_measured_on_each_set_that_is_there():
    asked = []

    def identity(task, *keys, settings):
        asked.append((task, keys))
        return Identity(task)

    data = {label: SimpleNamespace(identity=identity) for label in ("0K", "300K", "300K-plain")}
    tasks = worth.baseline_tasks(data, ("solve",))
    assert list(tasks) == ["baselines-0K", "baselines-300K"]
    assert asked == [("study: baselines", ("solve",))] * 2


def test_baselines_have_lammps_s_own_constants_and_the_samples_of_the_disc(monkeypatch, tmp_path):
    with store.writing(tmp_path / "dataset.h5", DATASET, "key") as file:
        file.attributes(md_C12_TPa=-0.2, md_C66_TPa=0.7)
    config = check({"campaign": "graphene"}, GrapheneInput, "in.toml")
    fields = {name: object() for name in ("train", "val", "test", "train_fine")}
    monkeypatch.setattr(worth.baselines, "measure", lambda _, *given: given)
    data = SimpleNamespace(campaign=SimpleNamespace(config=config, out=tmp_path), fields=fields)
    samples, lame, inner, solver = worth._baselines(data)
    assert samples == {name: fields[name] for name in ("train", "val", "test")}
    assert lame == (-0.2, 0.7) and inner == config.md.disc_inner_A and solver is config.solve

"""Samples of one glass as tasks: folders of their own, failures that are recorded and tried again."""

import json
from pathlib import Path

import pytest
from glass_files import stored
from mpi4py import MPI

from mdbridge.campaigns.glass import ensemble
from mdbridge.campaigns.glass.input import GlassInput
from mdbridge.campaigns.glass.stages import Campaign
from mdbridge.core import console, stages
from mdbridge.core.config import check
from mdbridge.core.errors import MdbridgeError, MDError
from mdbridge.core.workspace import Workspace

COMM = MPI.COMM_SELF


def config(seeds=3, **sections):
    given = {"campaign": "glass", "md": {"seed": 7}, "ensemble": {"seeds": seeds}} | sections
    return check(given, GlassInput, "glass.toml")


def campaign(root, given):
    return Campaign(COMM, given, Path("glass.toml"), Workspace(root, "glass"), Path("CuZr"), {"p": "hash"})


def test_a_sample_is_the_campaign_of_its_seed_and_differs_in_nothing_else():
    whole = config()
    assert ensemble.seeds(whole) == [7, 8, 9]
    alone = check({"campaign": "glass", "md": {"seed": 8}}, GlassInput, "glass.toml")
    assert ensemble.of_seed(whole, 8) == alone


def test_every_sample_is_one_task_and_what_changes_one_changes_all(tmp_path):
    def keys(given):
        return {task.name: task.identity.key for task in campaign(tmp_path, given).runs.tasks}

    base = keys(config())
    assert list(base) == ["seed-7", "seed-8", "seed-9"] and len(set(base.values())) == 3
    # more samples leave those that are there, and so does another number of ranks
    assert base.items() <= keys(config(5)).items()
    assert base == keys(config(ensemble={"seeds": 3, "ranks_per_sample": 2}))
    assert not base.items() & keys(config(md={"seed": 7, "relax_ps": 3.0})).items()


class Work:
    """Stands for a campaign: writes a glass.h5 and a summary, and fails for some seeds."""

    def __init__(self, failing):
        self.failing, self.done, self.unseen = failing, [], []

    def __call__(self, group, folder, overrides):
        seed = int(folder.name.removeprefix("seed-"))
        assert overrides == [f"md.seed={seed}", "ensemble.seeds=1"]
        self.unseen.append(console.console(group).quiet)
        if seed in self.failing:
            raise MDError(f"lost atoms of {seed}")
        folder.mkdir(parents=True, exist_ok=True)
        stored(folder)
        numbers = {"natoms": 216, "flow_stress": 1.0 + seed / 10, "overshoot": None if seed == 9 else 0.1}
        numbers |= {"stress_unit": "GPa"}
        (folder / "summary.json").write_text(json.dumps(numbers))
        self.done.append(seed)


def shared(root, work):
    workspace = Workspace(root, "glass")
    stage = ensemble.samples(workspace, ensemble.RUNS, {seed: f"key-{seed}" for seed in (7, 8, 9)}, work)
    return workspace, stage, ensemble.share(COMM, workspace, stage, 1)


def test_a_sample_that_fails_is_recorded_the_others_go_on_and_it_is_tried_again(tmp_path, capsys):
    work = Work({8})
    workspace, stage, failed = shared(tmp_path, work)
    assert failed == {8: "lost atoms of 8"} and work.done == [7, 9]
    assert all(work.unseen) and not console.console(COMM).quiet
    assert "note: the sample of seed 8 has failed: lost atoms of 8" in capsys.readouterr().err
    stages.make(COMM, workspace, ensemble.report(COMM, workspace, stage), again=True)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["failed"] == {"8": "lost atoms of 8"} and summary["seeds"] == [7, 9]
    # what is done stays, what has failed is done again
    again = Work(set())
    *_, failed = shared(tmp_path, again)
    assert failed == {} and again.done == [8]


def test_the_report_has_means_with_errors_and_no_correlation_without_p(tmp_path):
    workspace, stage, _ = shared(tmp_path, Work(set()))
    stages.make(COMM, workspace, ensemble.report(COMM, workspace, stage), again=True)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["means"] == {
        "flow_stress": {"mean": pytest.approx(1.8), "error": pytest.approx(0.1 / 3**0.5), "n": 3}
    }
    assert summary["stress_unit"] == "GPa"
    row = summary["predictors"]["energy_mean_composition"]["0.1"]
    # three equal samples: the six rows of the band give each of them p = 1/6 or 1/3
    assert row["correlation"]["r"] > 0.8 and row["correlation"]["n"] == 3
    assert row["correlation"]["p"] < 0.05 and row["correlation"]["error"] == pytest.approx(0.0)
    assert (tmp_path / "ensemble_stress_strain.png").exists()
    assert (tmp_path / "ensemble_predictors.png").exists()


def test_if_all_fail_the_run_does(tmp_path):
    with pytest.raises(MdbridgeError, match="all 3 samples have failed; the first: lost atoms of 7"):
        shared(tmp_path, Work({7, 8, 9}))


def test_an_error_of_our_own_is_no_failed_sample(tmp_path):
    def work(group, folder, overrides):
        raise KeyError("a mistake of the program")

    with pytest.raises(MdbridgeError, match="a mistake of the program"):
        shared(tmp_path, work)

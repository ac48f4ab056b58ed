"""What the stages leave behind: solutions with names and units, and all of it read back together."""

from dataclasses import asdict, replace

import numpy as np
import peridynamics_results
import pytest
import xarray
from peridynamics_results import MODEL

from mdbridge.campaigns.peridynamics import results as campaign_results
from mdbridge.campaigns.peridynamics.formats import DATASET
from mdbridge.campaigns.peridynamics.input import GrapheneInput
from mdbridge.core import config, files, store
from mdbridge.core.errors import FileError
from mdbridge.fields.storage import put_fields


@pytest.fixture(scope="module")
def made():
    return peridynamics_results.results()


@pytest.fixture
def solutions(made, tmp_path):
    path = tmp_path / "solutions.h5"
    assert campaign_results.write_solutions(path, "key", made.solved, 3.5) == files.sha256(path)
    return path


def nodes(made):
    return {split: len(fields.nodes) for split, fields in made.fields.items()}


def gathered(folder, solutions, given):
    names = ("dataset.h5", "model.json")
    return campaign_results.gather(*(folder / n for n in names), solutions, folder / "baselines.json", given)


def same(expected, actual):
    for name, values in asdict(expected).items():
        np.testing.assert_array_equal(getattr(actual, name), values)


def test_solutions_come_back(made, solutions):
    stored, seconds = campaign_results.read_solutions(solutions, nodes(made))
    assert seconds == 3.5 and list(stored) == ["train", "val", "test"]
    for split, solved in made.solved.items():
        same(solved, stored[split])


@pytest.mark.parametrize("split", ["train", "test"])
def test_xarray_shows_names_and_units(made, solutions, split):
    with xarray.open_dataset(solutions, engine="h5netcdf", group=split) as stored:
        assert {name: (data.dims, data.attrs["units"]) for name, data in stored.items()} == {
            "u": (("sample", "node", "axis"), "angstrom"),
            "inside": (("node",), "1"),
            "E_u": (("sample",), "1"),
            "E_res": (("sample",), "TPa/angstrom" if split == "test" else "1"),
            "iterations": (("sample",), "1"),
        }
        assert stored["inside"].dtype == bool and set(stored.sizes) == {"sample", "node", "axis"}


def test_solutions_on_other_nodes_are_refused(made, solutions):
    wrong = nodes(made) | {"val": 7}
    with pytest.raises(FileError, match=r"'val/u' has the shape .*, expected \(any, 7, 2\)"):
        campaign_results.read_solutions(solutions, wrong)


@pytest.mark.parametrize("variant", ["", "published-x1-twin"])
def test_everything_is_gathered(made, solutions, tmp_path, variant):
    files.write_json(tmp_path / "model.json", made.model | {"wall_s": 2.5})
    files.write_json(tmp_path / "baselines.json", made.baselines)
    with store.writing(tmp_path / "dataset.h5", DATASET, "key") as file:
        file.attributes(wall_s=1.5, temperature_K=300.0, **{f"md_{k}": v for k, v in made.md.items()})
        group = file.group(f"variants/{variant}") if variant else file
        for split, fields in made.fields.items():
            put_fields(group, split, fields)
    given = config.check({"campaign": "graphene"}, GrapheneInput, "in.toml")
    given = given.model_copy(update={"learn": given.learn.model_copy(update={"variant": variant})})
    collected = gathered(tmp_path, solutions, given)
    assert collected.wall == made.wall and collected.md == made.md and collected.baselines == made.baselines
    assert collected.temperature == 300.0 and collected.dynamics is None
    for split, fields in made.fields.items():
        np.testing.assert_array_equal(collected.fields[split].u, fields.u)
        assert collected.fields[split].names == fields.names
        same(made.solved[split], collected.solved[split])
    grid = np.linspace(0.5, 12.0, 7)
    np.testing.assert_allclose(collected.material.influence(grid), MODEL.influence(grid))


def test_a_dataset_without_the_variant_is_named(made, solutions, tmp_path):
    files.write_json(tmp_path / "model.json", made.model | {"wall_s": 2.5})
    files.write_json(tmp_path / "baselines.json", made.baselines)
    with store.writing(tmp_path / "dataset.h5", DATASET, "key") as file:
        put_fields(file, "train", replace(made.fields["train"]))
    given = config.check({"campaign": "graphene"}, GrapheneInput, "in.toml")
    with pytest.raises(FileError, match="'val' is missing; there is train"):
        gathered(tmp_path, solutions, given)

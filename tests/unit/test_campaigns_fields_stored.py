"""What is read of a fields.h5: frames, components, where the grid is, how the box is loaded."""

import numpy as np
import pytest
from stored_fields import FIELDS, make

from mdbridge.campaigns.fields.stored import opened


@pytest.mark.parametrize(
    ("motion", "kind", "direction", "last"),
    [("stretch", "stretch", "x", 1.02), ("shear", "shear", "xy", 0.2), ("none", "none", "", 0.4)],
)
def test_the_load_is_what_the_box_does_most(tmp_path, motion, kind, direction, last):
    make(tmp_path / "fields.h5", motion)
    with opened(tmp_path / "fields.h5") as stored:
        load = stored.loading
        assert (load.kind, load.direction) == (kind, direction)
        assert load.values[-1] == pytest.approx(last)
        assert stored.load_at(2) == pytest.approx(last)
        assert stored.load_at(0) == pytest.approx(load.values[0])


def test_the_grid_moves_with_the_box_or_stays_in_the_laboratory(tmp_path):
    make(tmp_path / "moving.h5", "shear")
    with opened(tmp_path / "moving.h5") as stored:
        cell, corner = stored.cell(2)
        np.testing.assert_allclose(cell, [[20, 0, 0], [3.0, 15, 0]])
        np.testing.assert_array_equal(corner, 0.0)
    make(tmp_path / "fixed.h5", "shear", region=((2.0, 6.0), (1.0, 4.0)))
    with opened(tmp_path / "fixed.h5") as stored:
        cell, corner = stored.cell(2)
        np.testing.assert_allclose(cell, [[4, 0, 0], [0, 3, 0]])
        np.testing.assert_allclose(corner, [2.0, 1.0, 0.0])


def test_names_and_components(tmp_path):
    frames = make(tmp_path / "fields.h5")
    with opened(tmp_path / "fields.h5") as stored:
        assert stored.names == [*FIELDS, "mine"]
        assert stored.components("density") == [] and stored.components("displacement") == ["x", "y", "z"]
        assert stored.components("composition") == ["type 1", "type 2"]
        assert len(stored.components("deformation_gradient")) == 9
        np.testing.assert_array_equal(stored.frame("mine", 1), frames[1]["field mine"])


def test_the_round_off_of_a_box_that_is_upright_is_no_load(tmp_path, monkeypatch):
    make(tmp_path / "fields.h5", "shear")
    with opened(tmp_path / "fields.h5") as stored:
        group = stored.file.group("curve")
        known = group.get
        monkeypatch.setattr(group, "get", lambda name: known(name) - 1.725e-17)
        monkeypatch.setattr(stored.file, "group", lambda name: group)
        assert known("shear")[0, 0] - 1.725e-17 != 0.0
        assert stored.load_at(0) == 0.0
        assert stored.loading.values[-1] == pytest.approx(0.2)

"""Numbers of a campaign of fields."""

import pytest
from stored_fields import make

from mdbridge.campaigns.fields import summary


def test_numbers_are_those_of_the_last_frame(tmp_path):
    make(tmp_path / "fields.h5")
    numbers = summary.of(tmp_path / "fields.h5")
    assert (numbers["frames"], numbers["natoms"], numbers["steps"]) == (3, 40, [0, 200])
    assert numbers["fields"]["mine"]["last"]["mine"] == {"min": 2.0, "mean": 7.5, "max": 13.0}
    assert numbers["fields"]["displacement"]["empty_nodes_last"] == pytest.approx(1 / 12)
    assert numbers["fields"]["displacement"]["last"]["x"]["min"] == 3.0  # the empty node does not count
    assert numbers["loading"]["last"] == pytest.approx(1.02)
    assert numbers["stress_last"]["xx"] == pytest.approx(2.0)
    assert numbers["complete"] is True


def test_a_plane_has_no_stress_across_it(tmp_path):
    make(tmp_path / "fields.h5", dimension=2, units="lj")
    assert set(summary.of(tmp_path / "fields.h5")["stress_last"]) == {"xx", "yy", "xy"}

"""Numbers of a campaign of fields."""

import numpy as np
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


@pytest.mark.parametrize(
    ("atoms", "words"),
    [
        ((4000, 4000, 4000), []),
        ((4000, 3950, 3990), ["of 4,000 atoms at first up to 50 were gone later"]),
        (
            (4000, 4000, 4010),
            ["up to 10 atoms more than the 4,000 at first were there later: their displacement counts"],
        ),
        ((40, 30, 42), ["up to 10 were gone later", "up to 2 atoms more"]),
    ],
)
def test_numbers_of_atoms_that_change_are_noted_behind_what_the_script_says(tmp_path, atoms, words):
    make(tmp_path / "fields.h5", atoms=atoms)
    first, *notes = summary.of(tmp_path / "fields.h5", ["my.in: the box flows"])["notes"]
    assert first == "my.in: the box flows" and len(notes) == len(words)
    assert all(word in note for word, note in zip(words, notes, strict=True))


def test_a_plane_has_no_stress_across_it(tmp_path):
    make(tmp_path / "fields.h5", dimension=2, units="lj")
    assert set(summary.of(tmp_path / "fields.h5")["stress_last"]) == {"xx", "yy", "xy"}


def test_round_off_is_zero(tmp_path):
    values = np.full((3, 3, 4, 6), 1e-17)
    values[..., 0] = 5.0
    gradient = np.full((3, 3, 4, 9), -1.1e-16)
    make(tmp_path / "fields.h5", given={"stress": values, "deformation_gradient": gradient})
    fields = summary.of(tmp_path / "fields.h5")["fields"]
    assert fields["stress"]["last"]["zz"] == {"min": 0.0, "mean": 0.0, "max": 0.0}
    assert fields["stress"]["last"]["xx"]["max"] == pytest.approx(5.0 * 1e-4)
    assert fields["deformation_gradient"]["last"]["xy"]["min"] == 0.0

"""What is asked for: names of fields, and which of them sum over present atoms."""

import pytest

from mdbridge.core.errors import InputError
from mdbridge.fields.grid import CellGrid
from mdbridge.md.observe.wanted import CARRIED, FITTED, NAMES, Wanted


def test_every_name_is_one_field():
    assert len(set(NAMES)) == len(NAMES)
    assert {*CARRIED, *FITTED, "stress", "density", "heat_flux"} <= set(NAMES)


def test_fields_of_present_atoms_keep_their_order_and_extras_come_last():
    wanted = Wanted(
        CellGrid("x", (4,)), "cone", 2.0, ["stress", "displacement", "density"], extra={"mine": "c_mine"}
    )
    assert [quantity.name for quantity in wanted.quantities(1)] == ["stress", "density", "mine"]


def test_the_stress_is_that_of_the_method_and_the_motion():
    grid = CellGrid("x", (4,))
    virial, mean, hardy = (
        Wanted(grid, "cone", 2.0, ["stress"], stress=stress, kinetic=kinetic).quantities(1)[0]
        for stress, kinetic in (("virial", "lammps"), ("virial", "mean"), ("hardy", "lammps"))
    )
    assert virial.whole == ("stress",) and "virial" in mean.whole
    assert hardy.bonds and not hardy.whole


@pytest.mark.parametrize(
    ("given", "words"), [({"group": "heavy"}, "of all pairs"), ({"decay": 2.0}, r"decay 4\.5")]
)
def test_what_hardys_stress_does_not_know_is_refused(given, words):
    with pytest.raises(InputError, match=words):
        Wanted(CellGrid("x", (4,)), "gaussian", 2.0, ["density", "stress"], stress="hardy", **given)
    Wanted(CellGrid("x", (4,)), "gaussian", 2.0, ["density"], stress="hardy", **given)
    Wanted(CellGrid("x", (4,)), "gaussian", 2.0, ["stress"], **given)

"""Names in fields.h5: those of further fields beside all that is always there."""

import numpy as np
import pytest
from stored_fields import make

from mdbridge.campaigns.fields.input import Observe
from mdbridge.campaigns.fields.layout import RESERVED
from mdbridge.campaigns.fields.results import FIELDS
from mdbridge.core import store
from mdbridge.md.observe.wanted import NAMES


def names(path):
    """What a file with every field has at its top, and of the whole box."""
    make(path, axes="xyz", cells=(4, 3, 2), fields=NAMES, extra=())
    with store.reading(path, FIELDS) as file:
        return {*file.datasets(), *file.groups()}, set(file.group("curve").datasets())


def test_no_further_field_may_have_a_name_that_is_stored_already(tmp_path):
    top, _ = names(tmp_path / "all.h5")
    assert top == RESERVED - {"plane"}
    for name in top:
        with pytest.raises(ValueError, match=f"extra.{name}: the name is taken"):
            Observe(extra={name: "c_x"})


def test_a_further_field_may_have_the_name_of_a_curve(tmp_path):
    _, curves = names(tmp_path / "all.h5")
    free = sorted(curves - RESERVED)
    assert "kinetic_energy" in free and Observe(extra=dict.fromkeys(free, "c_x"))
    written = make(tmp_path / "more.h5", axes="xyz", cells=(4, 3, 2), fields=NAMES, extra=free)
    with store.reading(tmp_path / "more.h5", FIELDS) as file:
        for name in free:
            np.testing.assert_array_equal(file.get(name, at=1), written[1][f"field {name}"])
        assert file.group("curve").get("kinetic_energy").shape == (3,)

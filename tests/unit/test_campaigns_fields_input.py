"""The input of a campaign of fields: defaults, and what contradicts itself."""

import pytest

from mdbridge.campaigns.fields.input import FieldsInput
from mdbridge.core import config
from mdbridge.core.errors import InputError


def read(md=None, grid=None, kernel=None, **sections):
    data = {
        "campaign": "fields",
        "md": md or {"script": "my.in", "steps": 1000},
        "grid": grid or {"axes": "xy", "cells": [4, 4]},
        "kernel": kernel or {"radius": 2.0},
        "observe": {"every": 100},
    } | sections
    return config.check(data, FieldsInput, "test")


def test_curves_have_ten_points_a_frame_where_that_leaves_ten_steps():
    assert read().observe.curve_steps == 10
    assert read(observe={"every": 50}).observe.curve_steps == 50
    assert read(observe={"every": 100, "curve_every": 25}).observe.curve_steps == 25


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"md": {"steps": 100}}, "give 'script'"),
        ({"md": {"script": "my.in"}}, "'script' needs 'steps'"),
        ({"md": {"script": "my.in", "steps": 100, "trajectory": "a"}}, "exclude each other"),
        ({"md": {"trajectory": "a", "variables": {"x": 1}}}, "'variables' are for 'script'"),
        ({"grid": {"axes": "yx", "cells": [4, 4]}}, "'grid.axes' = 'yx'"),
        ({"grid": {"axes": "x", "cells": [4, 4]}}, "'cells' has 2 entries, but axes = 'x'"),
        ({"grid": {"axes": "x", "cells": [0]}}, "grid.cells.0"),
        ({"grid": {"axes": "x", "cells": [4], "region": [[2.0, 1.0]]}}, "2 is not below 1"),
        ({"kernel": {"shape": "box", "radius": 1.0}}, "'kernel.shape' = 'box'"),
        ({"kernel": {"radius": -1.0}}, "'kernel.radius' = -1.0"),
        ({"observe": {}}, "observe.every, the steps from frame to frame, is missing"),
        ({"observe": {"every": 100, "fields": ["density", "density"]}}, "names one twice"),
        (
            {"observe": {"every": 100, "stress": "hardy", "group": "top"}},
            "'hardy' is of all pairs, group = 'top'",
        ),
        ({"observe": {"every": 100, "extra": {"a/b": "c_x"}}}, "letters, digits and '_'"),
        ({"observe": {"every": 100, "extra": {"box": "c_x"}}}, "extra.box: the name is taken"),
        ({"observe": {"every": 100, "extra": {"axis": "c_x"}}}, "extra.axis: the name is taken"),
        ({"observe": {"every": 100, "time_filter": 0.0}}, "time_filter"),
        ({"observe": {"every": 100, "fields": ["density"], "stress": "hardy"}}, "'stress' is not among"),
        ({"observe": {"every": 100, "curve_every": 30}}, "does not divide every = 100"),
        (
            {"observe": {"every": 100, "average_over": 6, "average_every": 20}},
            "6 looks every 20 steps take 101 steps, a frame has 100",
        ),
        (
            {"md": {"trajectory": "a"}, "observe": {"average_over": 2}},
            "'average_over' needs 'every'",
        ),
        ({"grid": {"axes": "x", "cells": [4], "region": [[1.0, 1.0]]}}, "1 is not below 1"),
    ],
)
def test_what_contradicts_itself_is_refused(changes, words):
    with pytest.raises(InputError) as error:
        read(**changes)
    assert words in str(error.value)


def test_a_trajectory_may_leave_out_the_interval():
    assert read(md={"trajectory": "a.lammpstrj"}, observe={}).observe.every is None


@pytest.mark.parametrize(
    "observe",
    [
        {"every": 101, "average_over": 6, "average_every": 20},  # from the first step to the last
        {"every": 100, "average_over": 100},
        {"every": 100, "curve_every": 100},
        {"every": 100, "stress": "hardy"},
    ],
)
def test_what_just_fits_is_taken(observe):
    steps = 10 * observe["every"]
    assert read({"script": "my.in", "steps": steps}, observe=observe).observe.every == observe["every"]

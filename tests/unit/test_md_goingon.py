"""Scripts that go on: what would not be as it was; the whole of it is in test_campaigns_fields_stages."""

import pytest

from mdbridge.md import goingon


@pytest.mark.parametrize(
    ("line", "measured"),
    [
        ("region left block 0 2 0 2 0 2", True),
        ("region left block 0 2 0 2 0 2 units box", False),
        ("fix pull all deform 1 x final 0 8", True),
        ("fix pull all deform 1 x erate 0.1 remap x", False),
        ("fix pull all deform 1 x vel 0.1 units box", False),
        ("compute bins all chunk/atom bin/1d x lower 0.5", True),
        ("compute heat all ke/atom", False),
        ("fix lid all wall/lj93 zhi 9.0 1 1 2.5", True),
        ("fix floor all wall/gran hooke 1 NULL 1 NULL 1 0 zplane 0 NULL", False),
        ("# region left block 0 2 0 2 0 2", False),
    ],
)
def test_commands_that_measure_in_lattices(line, measured):
    assert goingon.measured_in_lattices(f"units lj\n{line}\nrun 0\n") == (line if measured else "")

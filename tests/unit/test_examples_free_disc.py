"""The example of the free disc: its formulas are the loads that the MD was given."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from mdbridge.campaigns.peridynamics.problem_input import PLACE, Problem, formula
from mdbridge.core.config import load
from mdbridge.md import loads

EXAMPLE = Path(__file__).parents[2] / "inputs" / "examples" / "free_disc.py"
spec = importlib.util.spec_from_file_location("free_disc", EXAMPLE)
example = importlib.util.module_from_spec(spec)
spec.loader.exec_module(example)


@pytest.mark.parametrize("case", example.LOADS)
def test_formulas_are_the_loads_of_the_md(case, tmp_path):
    axis = np.arange(-99.0, 100.0, 1.0)
    x = np.stack(np.meshgrid(axis + 0.3, axis + 0.2), axis=-1).reshape(-1, 2)
    x = x[np.hypot(*x.T) < 100]
    (tmp_path / "disc.toml").write_text(example.problem(case, 2e-4, [5.0, 5.0]), encoding="utf-8")
    asked = load(tmp_path / "disc.toml", Problem)
    values = dict(zip(PLACE, x.T, strict=True))
    given = np.stack([formula(part, PLACE, "b")(values) for part in asked.load.body], axis=1)
    wanted = loads.disc(50.0)[case - 1].on(x)
    wanted *= 2e-4 / np.hypot(*wanted.T).max()
    # the MD's resultant is taken out over the atoms that there are, the formula's over the whole annulus
    np.testing.assert_allclose(given, wanted, atol=2e-6)
    assert asked.domain.spacing == [5.0, 5.0] and asked.domain.disc.radius == 100.0


def test_a_rigid_motion_is_no_displacement():
    x = np.random.default_rng(0).uniform(-1, 1, (30, 2))
    turned = np.stack([-x[:, 1], x[:, 0]], axis=1)
    stretched = example.without_rigid_motion(x, x.copy())
    np.testing.assert_allclose(example.without_rigid_motion(x, x + 3.0 + 0.2 * turned), stretched, atol=1e-12)
    assert np.abs(example.without_rigid_motion(x, 5 - 0.1 * turned)).max() < 1e-12

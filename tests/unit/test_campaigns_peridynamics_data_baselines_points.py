"""Classical elasticity beside models of nodes with edges: moduli, and errors of unseen samples."""

from pathlib import Path

import numpy as np
import pytest
from own_data import LAM, MU, grid, waves

from mdbridge.campaigns.peridynamics import data, data_baselines_points
from mdbridge.campaigns.peridynamics.data_files import RawData
from mdbridge.campaigns.peridynamics.data_input import Data

HORIZON = 16.5


def measured(arrays, folds=5, **keys):
    """In the data's own length, and in TPa."""
    own = data.prepare([RawData(Path("own.npz"), arrays)], Data(**keys))
    return data_baselines_points.classical(own, folds, HORIZON * own.length)


@pytest.mark.parametrize(("unit", "size"), [("TPa", 1.0), ("GPa", 1e-3)])
def test_on_nodes_with_edges_classical_elasticity_is_fitted_to_the_displacements(unit, size):
    nodes = grid((24, 24), (5.0, 5.0))
    u, b = waves(nodes, (150.0, 150.0), samples=6)
    row = measured({"nodes": nodes, "u": u, "b": b}, modulus_unit=unit, length_unit="nm")
    assert [row["lambda"], row["mu"]] == pytest.approx([size * LAM, size * MU], rel=0.01)
    assert row["E_u_train"] < row["E_u_val"] < 0.005 and 0 < row["E_res_val"] < 0.01
    # two constants are known from five samples as well as from six
    assert row["E_u_val"] < 1.5 * row["E_u_train"]
    kept = measured({"nodes": nodes, "u": u[:4], "b": b[:4], "val_u": u[4:], "val_b": b[4:]})
    assert kept["E_u_val"] < 0.005 and kept["E_u_val"] != row["E_u_val"]


def test_a_part_that_cannot_be_left_out_takes_nothing_of_the_rest():
    """Two samples, one of which tells λ + 2μ and the other μ."""
    nodes = grid((24, 24), (5.0, 5.0))
    both = [waves(nodes, (150.0, 150.0), samples=1, kind=kind) for kind in ("longitudinal", "transverse")]
    u, b = (np.concatenate(parts) for parts in zip(*both, strict=True))
    row = measured({"nodes": nodes, "u": u, "b": b})
    assert [row["lambda"], row["mu"]] == pytest.approx([LAM, MU], rel=0.02)
    assert row["E_u_train"] < 0.01


def test_what_is_left_out_has_the_errors_of_constants_of_the_others():
    nodes = grid((24, 24), (5.0, 5.0))
    u, b = waves(nodes, (150.0, 150.0), samples=6)
    b[::2] *= 1.05
    arrays = {"nodes": nodes, "u": u, "b": b}
    folded = measured(arrays, folds=2)
    # each half validated by hand with the other
    apart = [
        measured({**arrays, "u": u[k::2], "b": b[k::2], "val_u": u[1 - k :: 2], "val_b": b[1 - k :: 2]})
        for k in (0, 1)
    ]
    by_hand = np.mean([rows["E_u_val"] for rows in apart])
    assert folded["E_u_val"] == pytest.approx(by_hand, rel=0.05) and by_hand > 0.03

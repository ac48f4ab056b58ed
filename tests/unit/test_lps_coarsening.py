"""The coarse space: linear fields are in it, and its matrix is the fine one's, condensed."""

import itertools

import bodies_for_tests as made
import numpy as np
import pytest
from scipy.sparse import coo_matrix

from mdbridge.lps import elements
from mdbridge.lps.coarsening import Coarsening

MATRIX = elements.elasticity({"C11": 1.3, "C22": 1.1, "C12": 0.3, "C66": 0.45})


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize(
    "body", [made.plate_with_hole(half=12), made.scattered(14)], ids=["cells", "scattered"]
)
def test_its_matrix_is_that_of_the_nodes_condensed(body, held):
    count = len(body.points)
    fixed = np.zeros((count, 2), dtype=bool)
    if held:
        fixed[body.points[:, 0] < body.points[:, 0].min() + 3, 0] = True
    coarsening = Coarsening(body)
    size = 2 * len(coarsening.places)
    total, prolongation = 0, []
    # ranks may begin with any node: with those of a row of cells, and of cells of cells, as well
    cuts = [0, *range(count // 2, count // 2 + 6), count]
    for first, last in itertools.pairwise(cuts):
        part = coarsening.space(MATRIX, fixed, np.zeros(count), first, last)
        total = total + coo_matrix((part.values, (part.rows, part.columns)), (size, size)).toarray()
        prolongation.append(part.prolongation.toarray())
    fine = elements.stiffness_rows(body, MATRIX, 0, count, np.ones(count, dtype=bool)).toarray()
    p = np.concatenate(prolongation)
    np.testing.assert_allclose(total, p.T @ fine @ p, atol=1e-12)
    gradient = np.array([[0.01, 0.004], [-0.002, 0.007]])
    expected = np.where(fixed, 0, body.points @ gradient.T)
    np.testing.assert_allclose(p @ (coarsening.places @ gradient.T).ravel(), expected.ravel(), atol=1e-13)

"""The operator by transforms, against its rows."""

import bodies_for_tests as made
import numpy as np
import pytest

from mdbridge.lps import operator, stencil
from mdbridge.lps.convolution import Convolution


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.0, 1.3)])
@pytest.mark.parametrize("quadrature", ["published", "isotropic"])
def test_it_is_the_operator_where_all_of_its_reach_is_given(spacing, quadrature):
    solid = made.material(3.5, made.SIGN_CHANGING, 0.5, quadrature=quadrature)
    shape = (21, 19)  # rows, columns
    rows, columns = np.indices(shape)
    points = np.stack([columns, rows], axis=-1).reshape(-1, 2) * spacing
    u = np.random.default_rng(0).standard_normal((len(points), 2))
    inside = np.flatnonzero(((rows >= 7) & (rows < 14) & (columns >= 7) & (columns < 12)).ravel())
    exact = operator.operator_rows(points, None, solid, inside)
    expected = exact(u[exact.columns].ravel()).reshape(-1, 2)
    transform = Convolution(solid, stencil.uniform(spacing, 3.5, quadrature), shape)
    image = transform(u.T.reshape(2, *shape)).reshape(2, -1).T[inside]
    np.testing.assert_allclose(image, expected, atol=1e-13 * np.abs(expected).max() * 100)
    np.testing.assert_allclose(np.tile(transform.diagonal, len(inside)), exact.diagonal(), rtol=1e-12)


def test_another_quadrature_than_the_material_s_is_refused():
    with pytest.raises(ValueError, match="published"):
        Convolution(made.material(), stencil.uniform((1, 1), 3.5, "isotropic"), (20, 20))

"""Files of a solved problem; see also test_campaigns_peridynamics_problem.py, which makes them by the "
"command."""

import numpy as np
from matplotlib.path import Path

from mdbridge.campaigns.peridynamics import problem_output
from mdbridge.lps import geometry


def test_units_and_names_of_what_is_written():
    assert problem_output.FILE == "solution.h5"
    assert problem_output.VTK.suffix == ".vtu"
    assert np.array_equal(problem_output._TENSOR, ("xx", "yy", "xy"))


def test_a_picture_ends_where_the_body_does():
    corners = [[0.0, 0.0], [12.0, 0.0], [12.0, 5.0], [5.0, 5.0], [5.0, 12.0], [0.0, 12.0]]
    loops = [geometry.Loop(np.array(corners)), geometry.disc((2.5, 8.0), 1.0, 0.25, geometry.HOLE)]
    loops_of = [Path(loop) for loop in problem_output.boundary(geometry.fill(loops, (0.5, 0.55), 3.0))]

    def pieces_around(point):
        return sum(loop.contains_point(point) for loop in loops_of)

    assert len(loops_of) == 2
    inside = [(4.95, 6.0), (0.05, 0.05), (11.9, 4.9), (3.6, 8.0)]
    outside = [(5.05, 6.0), (2.5, 8.0), (3.4, 8.0), (8.0, 5.05), (8.0, 8.0)]
    assert all(pieces_around(p) % 2 for p in inside) and not any(pieces_around(p) % 2 for p in outside)

"""Files of a solved problem; see also test_campaigns_peridynamics_problem.py, which makes them by the "
"command."""

import numpy as np

from mdbridge.campaigns.peridynamics import problem_output


def test_units_and_names_of_what_is_written():
    assert problem_output.FILE == "solution.h5"
    assert problem_output.VTK.suffix == ".vtu"
    assert np.array_equal(problem_output._TENSOR, ("xx", "yy", "xy"))

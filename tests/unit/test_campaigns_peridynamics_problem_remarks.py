"""What solved problems tell: what is too coarse, too thin, nearly incompressible, or out of balance."""

import json
import re

import bodies_for_tests as made
import numpy as np
import pytest
from problem_runs import PLATE, PULL, QUIET, folder_with_model, solve

from mdbridge.campaigns.peridynamics import problem_remarks
from mdbridge.campaigns.peridynamics.stored_model import Model
from mdbridge.core.errors import InputError
from mdbridge.lps import elements, geometry


@pytest.fixture
def folder(tmp_path):
    return folder_with_model(tmp_path)


def test_a_hole_that_nodes_do_not_resolve_is_told(folder, capsys):
    solve(folder, PLATE.replace("radius = 5", "radius = 0.4") + PULL + QUIET)
    assert "1 holes, the smallest of radius 0.4, have fewer than 6 node spacings" in capsys.readouterr().err


def test_members_too_thin_to_bend_are_told(folder):
    """A plate with an arm 3 spacings thick, pushed down at its end: what is told is what comes out."""
    corners = "[[0, 0], [24, 0], [24, 10], [64, 10], [64, 13], [24, 13], [24, 24], [0, 24]]"
    text = f"[domain]\noutline = {corners}\nspacing = 1.0\n"
    text += '[[boundary]]\nwhere = "x < 24.1"\ndisplacement = [0, 0]\n'
    text += '[[boundary]]\nedge = "right"\ntraction = [0, -1e-5]\n'
    solution = solve(folder, text + QUIET)
    notes = json.loads((folder / "out" / "solution.json").read_text())["notes"]
    (told,) = (note for note in notes if "node spacings) thick on average" in note)
    # P l³/3EI of E = 4 μ (λ + μ)/(λ + 2 μ)
    exact = 3e-5 * 40**3 / (3 * 4 * 0.5 * 0.8 / 1.3 * 3**3 / 12)
    end = solution["nodes"][:, 0] > 63.9
    share = -solution["displacement"][end, 1].mean() / exact
    assert share == pytest.approx(0.75, abs=0.03)
    assert int(re.search(r"about (\d+)% of its deflection", told)[1]) == pytest.approx(100 * share, abs=4)
    solve(folder, PLATE + PULL + QUIET)
    assert "thick on average" not in "".join(
        json.loads((folder / "out" / "solution.json").read_text())["notes"]
    )


@pytest.mark.parametrize("spacing", [1.0, 0.3])
def test_plates_of_up_to_seven_spacings_are_thin(spacing):
    model = Model(made.material(3.5 * spacing), [], "nm", "GPa", "")

    def thin(width):
        outline = geometry.Loop(spacing * np.array([[0, 0], [40, 0], [40, width], [0, width]]))
        body = geometry.fill([outline], (spacing, spacing), 9 * spacing)
        return problem_remarks._thin(body, model, elements.areas(body))

    assert [bool(thin(width)) for width in (1, 7, 8, 30)] == [True, True, False, False]


def test_a_model_that_is_nearly_incompressible_is_told(folder):
    text = PLATE + PULL + QUIET
    for lame, times in (((5.0, 0.5), 0), ((50.0, 0.5), 1)):
        stored = made.material(3.0, lame=lame, quadrature="isotropic").as_dict()
        (folder / "out" / "model.json").write_text(json.dumps(stored))
        solve(folder, text)
        notes = json.loads((folder / "out" / "solution.json").read_text())["notes"]
        assert sum("λ/μ = 100, nearly incompressible" in note for note in notes) == times


HELD = '[[boundary]]\nedge = "left"\ndisplacement = [0, 0]\n'


def point_load_where_rows_of_two_kinds_meet(folder, horizon, held=HELD):
    """A load on a single node, as far from a boundary as nonlocal rows begin; against another if free."""
    stored = made.material(horizon, made.SIGN_CHANGING, 0.5, quadrature="isotropic").as_dict()
    (folder / "out" / "model.json").write_text(json.dumps(stored))
    square = "[domain]\noutline = [[0, 0], [40, 0], [40, 40], [0, 40]]\nspacing = 1.0\n"
    at, middle = (f"(abs(x - 20) < 0.5 and abs(y - {y}) < 0.5)" for y in (2 * horizon + 1, 20))
    load = at if held else f"1*{at} - {middle}"
    solve(folder, square + held + f'[load]\nbody = [0, "{load}"]\n' + QUIET)
    return json.loads((folder / "out" / "solution.json").read_text())


def test_forces_that_are_out_of_balance_are_told_or_refused(folder):
    told = point_load_where_rows_of_two_kinds_meet(folder, 3.0)
    assert 0.01 < told["out_of_balance"] < 0.1
    assert any("displacements are off by about as much" in note for note in told["notes"])
    for held in (HELD, ""):
        with pytest.raises(InputError, match=r"no solution: .* out of balance by \d\d% .*'load.body'"):
            point_load_where_rows_of_two_kinds_meet(folder, 4.0, held)


def test_a_body_that_is_moved_as_a_whole_is_in_balance(folder):
    held = '[[boundary]]\nedge = "outline"\ndisplacement = ["0.1 - 0.01*y", "0.2 + 0.01*x"]\n'
    solve(folder, PLATE.replace("holes", "# holes") + held + QUIET)
    assert json.loads((folder / "out" / "solution.json").read_text())["out_of_balance"] == 0

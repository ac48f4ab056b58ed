"""Terms by hand, what noise does to their residuals, and what is refused."""

import numpy as np
import pytest

from mdbridge.calibrate.response import InvalidResponse
from mdbridge.calibrate.terms import CurveTerm, GrassmannTerm, UserTerm
from mdbridge.core.errors import InputError

RANDOM = np.random.default_rng(0)
FIELDS, CURVE = RANDOM.standard_normal((3, 6, 5)), np.array([1.0, 2.0, 3.0, 4.0])
REFERENCE = {"f": FIELDS, "c": CURVE}


def other(size=0.1):
    random = np.random.default_rng(1)
    return {
        "f": FIELDS + size * random.standard_normal(FIELDS.shape),
        "c": CURVE + size * np.array([1, -1, 2, 0]),
    }


def test_distances_of_curves_are_those_computed_by_hand():
    assert CurveTerm("c", REFERENCE, "l1").distance(other()) == pytest.approx(0.1)
    assert CurveTerm("c", REFERENCE, "l2").distance(other()) == pytest.approx(np.sqrt(0.06 / 4))


def test_the_snapshots_are_averaged():
    term = GrassmannTerm("f", REFERENCE, 2)
    turned = {"f": FIELDS.copy(), "c": CURVE}
    turned["f"][1] = other()["f"][1]
    alone = GrassmannTerm("f", {"f": FIELDS[1:2]}, 2).distance({"f": turned["f"][1:2]})
    assert alone > 1e-3 and term.distance(turned) == pytest.approx(alone / 3)


def test_a_rank_for_each_snapshot():
    alone = [
        GrassmannTerm("f", {"f": FIELDS[k : k + 1]}, k + 1).distance({"f": other()["f"][k : k + 1]})
        for k in range(3)
    ]
    term = GrassmannTerm("f", REFERENCE, [1, 2, 3])
    assert term.distance(other()) == pytest.approx(np.mean(alone), rel=1e-12)
    norms = [np.linalg.norm(r) for r in term.residual(other())]
    assert norms == pytest.approx(alone, rel=1e-12)


def test_rows_and_columns_are_different_spaces():
    flat = {"f": FIELDS[:, :, :3] @ RANDOM.standard_normal((3, 5))}
    reference = {"f": flat["f"]}
    moved = {"f": RANDOM.standard_normal((6, 6)) @ flat["f"]}
    assert GrassmannTerm("f", reference, 3, space="row").distance(moved) < 1e-10
    assert GrassmannTerm("f", reference, 3).distance(moved) > 0.1


def test_points_that_the_reference_lacks_are_left_out():
    holed = {"c": np.where(np.arange(4) == 2, np.nan, CURVE)}
    for norm, expected in (("l1", 0.2 / 3), ("l2", np.sqrt(0.02 / 3))):
        term = CurveTerm("c", holed, norm)
        assert term.distance(other()) == pytest.approx(expected)
        assert term.noise(term.residual(other())).count == 3
    assert CurveTerm("c", holed).distance({"c": np.where(np.isnan(holed["c"]), np.nan, CURVE)}) == 0.0
    with pytest.raises(InputError, match="holds no values"):
        CurveTerm("c", {"c": np.full(4, np.nan)})
    with pytest.raises(InputError, match="not finite"):
        CurveTerm("c", {"c": np.array([1.0, np.inf])})


@pytest.mark.parametrize(
    ("sigma", "message"), [(0.0, "above 0"), ([1.0, 2.0], r"shape \(2,\)"), (np.nan, "finite")]
)
def test_sigma_that_cannot_be(sigma, message):
    with pytest.raises(InputError, match=message):
        CurveTerm("c", REFERENCE, "l2", sigma)


def test_noise_of_a_field_moves_singular_vectors_as_it_says():
    """Standard deviations of the tangent vectors' entries over many draws of noise, column by column."""
    reference = {
        "f": RANDOM.standard_normal((1, 12, 2)) @ np.diag([5.0, 2.0]) @ RANDOM.standard_normal((2, 15))
    }
    term, draws = GrassmannTerm("f", reference, 2, sigma=0.01), []
    for seed in range(400):
        noise = 0.01 * np.random.default_rng(seed).standard_normal((1, 12, 15))
        draws.append(term.residual({"f": reference["f"] + noise})[0])
    predicted = term.noise(draws[:1])
    squares = (np.array(draws) / predicted.scale) ** 2
    assert predicted.count == 20 and predicted.known
    assert squares.sum(axis=1).mean() == pytest.approx(predicted.count, rel=0.03)
    columns = squares.reshape(400, 12, 2).sum(axis=(0, 1)) / (400 * 10)
    assert columns == pytest.approx([1.0, 1.0], rel=0.05)


def test_references_that_cannot_serve():
    with pytest.raises(InputError, match="no 'g'; it has c, f"):
        GrassmannTerm("g", REFERENCE)
    with pytest.raises(InputError, match=r"expected \(points,\)"):
        CurveTerm("f", REFERENCE)
    with pytest.raises(InputError, match="snapshot 1 of 'f'"):
        GrassmannTerm("f", {"f": FIELDS * np.array([1, 0, 1])[:, None, None]})
    with pytest.raises(InputError, match="all spans are then equal"):
        GrassmannTerm("f", {"f": np.swapaxes(FIELDS, 1, 2)}, 5)
    with pytest.raises(InputError, match=r"keeps the rank 4, its shape is \(6, 3\)"):
        GrassmannTerm("f", {"f": FIELDS[:, :, :3]}, 4)


def test_a_number_of_the_users_own_is_minimised_as_it_is():
    def score(response, reference):
        difference = response["c"] - reference["c"]
        return float((difference**2).sum()) - 1.0

    assert UserTerm(score, REFERENCE).is_negative(REFERENCE)
    assert UserTerm(score, REFERENCE, signed=True).distance(REFERENCE) == -1.0
    assert UserTerm(score, REFERENCE, signed=True).distance(other()) == pytest.approx(-0.94)
    with pytest.raises(InvalidResponse, match=r"the objective is -1, .* a distance is not negative"):
        UserTerm(score, REFERENCE).distance(REFERENCE)
    # of a vector the norm counts, whatever the signs
    with pytest.raises(InvalidResponse, match=r"returned 0 residuals: return zeros"):
        UserTerm(lambda response, reference: [], REFERENCE).distance(REFERENCE)
    vector = UserTerm(lambda response, reference: reference["c"] - response["c"] - 1.0, REFERENCE)
    assert vector.distance(REFERENCE) == 2.0 and not vector.is_negative(REFERENCE)


def test_a_rank_above_the_references_is_refused_and_a_poorer_sample_is_compared():
    random = np.random.default_rng(6)
    thin = random.standard_normal((1, 8, 1)) @ random.standard_normal((1, 1, 9))
    with pytest.raises(InputError, match=r"keeps the rank 2, but only 1 of .*: choose rank = 1 or less"):
        GrassmannTerm("f", {"f": thin}, 2)
    term = GrassmannTerm(
        "f", {"f": thin + random.standard_normal((1, 8, 1)) @ random.standard_normal((1, 1, 9))}, 2
    )
    assert np.linalg.norm(term.residual({"f": thin})[0]) == pytest.approx(
        term.distance({"f": thin}), rel=1e-9
    )
    assert term.distance({"f": 1.1 * thin}) == pytest.approx(term.distance({"f": thin}), rel=1e-9)


X = np.array([3.0, 0.0, np.nan, 1.0, 2.0, 1.0])  # unordered, a point twice, one without a place
MEASURED = {"x": X, "y": np.array([7.0, 1.0, np.nan, 3.0, np.nan, 3.5]), "s": np.full(6, 0.5)}


def test_a_curve_is_interpolated_to_the_measurements():
    term = CurveTerm("y", MEASURED, "l2", 0.5, "x")
    line = {"x": np.linspace(-1.0, 4.0, 11), "y": 1.0 + 2.0 * np.linspace(-1.0, 4.0, 11)}
    backwards = {name: values[::-1] for name, values in line.items()}
    for response in (line, backwards):
        # exact but at the second point at x = 1, half a unit and so one sigma below its measurement
        assert np.abs(term.residual(response)[0]) == pytest.approx([0.0, 0.0, 1.0, 0.0])
        np.testing.assert_allclose(term.at_the_reference(response), [7, 1, np.nan, 3, np.nan, 3])
    assert term.of_residual(term.residual(line)[0])[5] == pytest.approx(3.0)


def test_interpolation_is_of_second_order():
    errors = []
    for count in (11, 21):
        x = np.linspace(0.0, 3.0, count)
        term = CurveTerm(
            "y", {"x": np.linspace(0.1, 2.9, 50), "y": np.sin(np.linspace(0.1, 2.9, 50))}, "l2", None, "x"
        )
        errors.append(term.distance({"x": x, "y": np.sin(x)}))
    assert 3.3 < errors[0] / errors[1] < 4.7


@pytest.mark.parametrize("sigma", [0.02, None])
@pytest.mark.parametrize(("count", "offset"), [(13, 0.0), (13, 0.5), (6, 0.5), (7, 0.0)])
def test_what_coarse_points_move_parameters_by_is_told(sigma, count, offset):
    at, step = np.linspace(-3.0, 3.0, 141), 7.0 / (count - 1)
    x = step * (np.arange(count + 1) - count // 2 - offset)
    peak, coarse = np.exp(-(at**2) / 2), np.exp(-(x**2) / 2)
    noise = 0.02 * np.random.default_rng(3).standard_normal(141)
    term = CurveTerm("y", {"x": at, "y": peak + noise}, "l2", sigma, "x")
    # the height of a peak whose points are joined by straight lines, against that of the peak itself
    straight = np.interp(at, x, coarse)
    heights = [shape @ (peak + noise) / (shape @ shape) for shape in (straight, peak)]
    moved = abs(heights[0] - heights[1]) / (0.02 / np.linalg.norm(peak))
    told = term.between({"x": x, "y": heights[0] * coarse})
    # no less than it is, but for the rough estimate of the error; what few points leave counts as noise
    assert 0.7 * moved < (told if sigma else told * np.sqrt(np.mean((peak - straight) ** 2) / 4e-4 + 1))
    assert told < 5 * moved


def test_where_interpolation_costs_nothing_nothing_is_told():
    at, x = np.linspace(0.0, 1.0, 30), np.linspace(0.0, 1.0, 11)
    data = {"x": at, "y": 2.0 * at}
    noisy = {"x": at, "y": 2.0 * at + 0.1 * np.cos(40 * at)}
    line, sine = {"x": x, "y": 2.0 * x}, {"x": x, "y": 2.0 * x + 0.3 * np.sin(9 * x)}
    term = CurveTerm("y", noisy, "l2", None, "x")
    assert term.between(line) == pytest.approx(0.0, abs=1e-9)
    assert term.between(sine) > 0.2
    # at the model's own points nothing is interpolated, though its curve is no line
    whole, data_at = np.arange(11.0), np.arange(1.0, 11.0)
    fine = CurveTerm("y", {"x": data_at, "y": np.exp(-data_at / 3)}, "l2", 0.01, "x")
    assert fine.between({"x": whole, "y": np.exp(-whole / 3)}) == 0.0
    assert fine.between({"x": whole + 0.5, "y": np.exp(-(whole + 0.5) / 3)}) > 1.0
    # points that are those of the measurements; an exact fit, without noise; a model that may be wrong
    assert term.between({"y": noisy["y"]}) == 0.0
    assert CurveTerm("y", data, "l2", None, "x").between(line) == 0.0
    assert CurveTerm("y", noisy, "l2", None, "x", "smooth").between(sine) == 0.0
    # doubly exponential noise of one deviation tells twice as much
    gaussian, laplace = (CurveTerm("y", noisy, norm, 0.1, "x").between(sine) for norm in ("l2", "l1"))
    assert laplace == pytest.approx(np.sqrt(2) * gaussian)


@pytest.mark.parametrize(
    ("x", "said"),
    [
        ([0.0, 1.0, 2.0], "ends before 1 of 4 points: its 'x' goes from 0 to 2, the reference from 0 to 3"),
        ([0.0, 2.0, 1.0], "neither rises nor falls"),
        ([0.0, np.nan, 3.0], "not finite"),
        ([3.0], "single point"),
    ],
)
def test_what_cannot_be_interpolated_is_invalid(x, said):
    term = CurveTerm("y", MEASURED, "l1", None, "x")
    with pytest.raises(InvalidResponse, match=said):
        term.distance({"x": np.array(x), "y": np.zeros(len(x))})


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_round_off_at_the_ends_is_no_extrapolation_and_what_is_more_is(size):
    term = CurveTerm("y", {"x": size * np.array([0.0, 1.0]), "y": np.zeros(2)}, "l2", None, "x")
    ends = size * np.array([1e-10, 1.0 - 1e-10])
    assert term.distance({"x": ends, "y": np.zeros(2)}) == 0.0
    for short in ([1e-8, 1.0], [0.0, 1.0 - 1e-8]):
        with pytest.raises(InvalidResponse, match="ends before 1 of 2 points"):
            term.distance({"x": size * np.array(short), "y": np.zeros(2)})


def test_points_that_differ_in_number_need_their_abscissa():
    with pytest.raises(InvalidResponse, match="return its abscissa 'x' too"):
        CurveTerm("y", MEASURED, "l1", None, "x").distance({"y": np.zeros(9)})
    with pytest.raises(InputError, match="'x' is missing"):
        CurveTerm("y", {"x": np.array([0.0, np.nan]), "y": np.ones(2)}, "l1", None, "x")
    with pytest.raises(InputError, match="its abscissa 'x'"):
        CurveTerm("y", {"x": np.arange(3.0), "y": np.ones(2)}, "l1", None, "x")


def test_what_a_function_does_to_its_arguments_stays_there():
    """It scales both in place; a second call would compare with the reference scaled once more."""

    def careless(response, reference):
        reference["y"] *= 2.0
        response["y"] -= reference["y"]
        return response["y"]

    given = {"y": np.array([1.0, 2.0, 4.0])}
    term = UserTerm(careless, {"y": np.array([1.0, 1.0, 1.0])})
    assert term.distance(given) == term.distance(given) == pytest.approx(np.sqrt(5.0))
    assert given["y"].tolist() == [1.0, 2.0, 4.0]

"""The STZ solver at low rates, where stress relaxes much faster than it builds up, and through reversals."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp, trapezoid

from mdbridge.stz import initial, pace
from mdbridge.stz.forwardrun import Case, forward
from mdbridge.stz.frame import FRAMES
from mdbridge.stz.ratelaw import Material
from mdbridge.stz.staggered import Grid

MATERIAL = Material(s_y=1.006, c0=0.55, chi_inf=0.132)
LAME = MATERIAL.bulk - 2.0 / 3.0 * MATERIAL.mu
SHEAR = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
POINT, GRID = Grid(4, 4), Grid(16, 16)
CHI = initial.bump(GRID, 0.066, 0.008, 60.0)


def deviator(stress):
    return stress - np.trace(stress) / 3.0 * np.eye(3)


def as_tensor(components):
    """From σ_xx, σ_xy, σ_yy, σ_zz."""
    xx, xy, yy, zz = components
    return np.array([[xx, xy, 0.0], [xy, yy, 0.0], [0.0, 0.0, zz]])


def elastic(stress, gradient):
    """dσ/dγ without plastic flow: Truesdell's rate, [Kontolati2021, eq. 30]."""
    strain = 0.5 * (gradient + gradient.T)
    carried = gradient @ stress + stress @ gradient.T - np.trace(gradient) * stress
    return carried + LAME * np.trace(strain) * np.eye(3) + 2.0 * MATERIAL.mu * strain


def at_no_rate(gamma, y):
    """The limit of rate 0 of a homogeneous body: from yield on s̃ stays 1, which says what D is. Not stiff."""
    stress, chi = y[:9].reshape(3, 3), y[9]
    s, rate = deviator(stress), elastic(stress, SHEAR)
    # s : ds = 0 with ds of plastic flow -2 μ D s/s_y, and s : s = 2 s_y²
    flow = np.sum(s * rate) / (4.0 * MATERIAL.mu * MATERIAL.s_y)
    rate = rate - 2.0 * MATERIAL.mu * flow / MATERIAL.s_y * s
    return np.append(rate.ravel(), 2.0 * flow * (MATERIAL.chi_inf - chi) / MATERIAL.c0)


def limit_of_no_rate(strains, chi):
    """σ_xx, σ_xy, σ_yy, σ_zz and χ, ``(5, n)``."""

    def yields(gamma, y):
        s = deviator(y[:9].reshape(3, 3))
        return np.sqrt(0.5 * np.sum(s * s)) - MATERIAL.s_y

    yields.terminal = True

    def before(gamma, y):
        return np.append(elastic(y[:9].reshape(3, 3), SHEAR).ravel(), 0.0)

    tight = {"rtol": 1e-11, "atol": 1e-13}
    first = solve_ivp(
        before, (0.0, 1.0), np.append(np.zeros(9), chi), events=yields, dense_output=True, **tight
    )
    start = float(first.t_events[0][0])
    then = solve_ivp(at_no_rate, (start, strains[-1]), first.sol(start), dense_output=True, **tight)
    return np.array([(first if g <= start else then).sol(g) for g in strains]).T[[0, 1, 4, 8, 9]]


def homogeneous(rate, tolerance, chi=0.07):
    case = Case(
        MATERIAL,
        initial.uniform(POINT, chi),
        POINT,
        rate=rate,
        frames=25,
        tolerance=tolerance,
        max_strain=0.5,
    )
    result = forward(case)
    values = np.concatenate([result.stress[:, :, 0, 0].T, result.chi[:, 0, 0][None]])
    return result, values


def test_a_homogeneous_body_goes_to_the_limit_of_no_rate_in_first_order_of_the_tolerance(monkeypatch):
    # far slower than by default: or else the overstress were lost in the other errors
    monkeypatch.setattr(pace, "FASTEST", 10.0)
    exact = limit_of_no_rate(0.02 * np.arange(26), 0.07)
    errors = []
    for tolerance in (4e-3, 1e-3, 2.5e-4):
        result, values = homogeneous(1e-3, tolerance)
        beyond = np.abs(values - exact)[:, result.gamma > 0.06]
        assert np.abs(values - exact)[:, result.gamma < 0.05].max() < 1e-12  # elastic
        errors.append(beyond[:4].max())
        # the overstress (μ/s_y)/FASTEST is what remains
        assert errors[-1] == pytest.approx(2.0 * tolerance, rel=0.3)
        assert beyond[4].max() < 0.2 * tolerance
    ratios = np.array(errors[:-1]) / errors[1:]
    assert np.all((ratios > 3.0) & (ratios < 5.3)), ratios
    monkeypatch.undo()
    values = homogeneous(1e-3, 1e-3)[1]
    assert np.abs(values - exact)[:4, 3:].max() < 2e-4 and np.abs(values - exact)[4, 3:].max() < 5e-5
    # without Truesdell's terms and elastic strains: all of the shear heats from yield on
    closed = MATERIAL.chi_inf - (MATERIAL.chi_inf - 0.07) * np.exp(-(0.5 - 1.006 / 20.0) / MATERIAL.c0)
    assert values[4, -1] == pytest.approx(closed, rel=2e-3)


def stiff(gamma, y, rate, gradient):
    """The rate law in full, of a homogeneous body."""
    stress, chi = y[:9].reshape(3, 3), y[9]
    s = deviator(stress)
    over = np.sqrt(0.5 * np.sum(s * s)) / MATERIAL.s_y
    flow = MATERIAL.plastic_rate(np.array(over), np.array(chi), rate)
    change = elastic(stress, gradient) - 2.0 * MATERIAL.mu * flow / max(over, 1e-30) / MATERIAL.s_y * s
    return np.append(change.ravel(), 2.0 * over * flow * (MATERIAL.chi_inf - chi) / MATERIAL.c0)


@pytest.mark.parametrize("rate", [1e6, pytest.param(1e4, marks=pytest.mark.slow)])
def test_a_homogeneous_body_follows_the_rate_law_at_each_rate(rate):
    """Where relaxation begins to be slowed, and far beyond, against a tight implicit method."""
    at = 0.02 * np.arange(26)
    exact = solve_ivp(
        stiff, (0.0, 0.5), np.append(np.zeros(9), 0.07), "Radau", at, args=(rate, SHEAR),
        rtol=1e-7, atol=1e-9, first_step=1e-3, max_step=0.02,
    ).y[[0, 1, 4, 8, 9]]  # fmt: skip
    values = homogeneous(rate, 1e-4)[1]
    assert np.abs(values - exact)[:4].max() < 5e-4
    assert np.abs(values - exact)[4].max() < 5e-5


@pytest.mark.slow
def test_slowed_relaxation_comes_to_the_field_that_is_not_slowed(monkeypatch):
    """At 100 /s, and no further, the unslowed solution can be had."""
    case = Case(MATERIAL, CHI, GRID, rate=1e2, frames=5, max_strain=0.1, fields_at=[5])
    runs = []
    for fastest in (pace.FASTEST, 1000.0, 1e9):
        monkeypatch.setattr(pace, "FASTEST", fastest)
        runs.append(forward(case))
    slowed, less, full = runs
    assert np.abs(slowed.dev_stress - full.dev_stress).max() < 1e-3
    assert slowed.chi.mean() == pytest.approx(full.chi.mean(), rel=2e-2)
    scale = np.linalg.norm(full.chi)
    assert np.linalg.norm(less.chi - full.chi) < 1e-2 * scale
    assert np.linalg.norm(less.chi - full.chi) < 0.5 * np.linalg.norm(slowed.chi - full.chi) < 2.5e-2 * scale
    # it is for this that it is slowed
    assert slowed.counts.evaluations < 0.3 * full.counts.evaluations


@pytest.mark.slow
def test_below_some_rate_the_rate_no_longer_matters():
    case = Case(MATERIAL, CHI, GRID, rate=1.0, frames=5, max_strain=0.1, fields_at=[5])
    slow, slower = forward(case), forward(replace(case, rate=1e-3))
    assert np.ptp(slow.exy[-1]) > 0.02
    for name in ("exy", "chi", "stress", "dev_stress"):
        first, second = getattr(slow, name), getattr(slower, name)
        assert np.abs(first - second).max() < 1e-6 * np.abs(first).max(), name


def test_at_the_rates_of_molecular_dynamics_nothing_is_slowed(monkeypatch):
    case = Case(MATERIAL, CHI, GRID, frames=5, max_strain=0.2, fields_at=[5])
    slowed = forward(case)
    monkeypatch.setattr(pace, "FASTEST", 1e12)
    assert np.array_equal(forward(case).stress, slowed.stress)


@pytest.mark.slow
def test_a_whole_run_at_a_low_rate_takes_seconds():
    grid = Grid()
    result = forward(Case(MATERIAL, initial.bump(grid, 0.065, 0.01, 40.0), grid, rate=1e-3, fields_at=[100]))
    # some 100 μs an evaluation on the development machine
    assert result.counts.evaluations < 40_000
    # nowhere above the yield stress but by what is allowed, and most of the sample at it
    deviators = np.array([deviator(as_tensor(cell)) for cell in result.stress[-1].reshape(4, -1).T])
    assert np.sqrt(0.5 * (deviators**2).sum(axis=(1, 2))).max() < MATERIAL.s_y * (1.0 + 1.2e-3)
    assert result.dev_stress[20:] == pytest.approx(MATERIAL.s_y, rel=3e-3)
    assert result.chi.max() > 0.125


CYCLE = (0.15, -0.15, 0.0)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize(
    ("rate", "strains"), [(1e8, (0.16, -0.12)), pytest.param(1.0, (0.055, -0.048), marks=pytest.mark.slow)]
)
def test_reversing_the_sign_of_everything_mirrors_the_result(frame, rate, strains):
    case = Case(
        MATERIAL, CHI + 0.001 * initial.random(GRID, 0.0, 1.0, 60.0, 3), GRID, frame=frame, rate=rate,
        strains=strains, frames=4,
    )  # fmt: skip
    # pure shear along the other axis: rows and columns change places; simple shear: x changes its sign
    turned = case.chi[:, ::-1] if frame == "simple" else case.chi.T
    original = forward(case)
    mirrored = forward(replace(case, chi=turned.copy(), strains=[-strain for strain in strains]))
    assert np.array_equal(original.gamma, -mirrored.gamma)
    assert np.ptp(original.chi[-1] - original.chi[0]) > 5e-4  # it has flowed here more than there
    # bands grow from what is there at first, round-off too
    close = 1e-6 if rate > 1.0 else 1e-4
    assert original.dev_stress == pytest.approx(mirrored.dev_stress, abs=close)
    # where a cell comes to the yield stress the power jumps, at a low rate within a frame
    assert original.plastic_power == pytest.approx(
        mirrored.plastic_power, abs=1e2 * close if rate > 1.0 else 0.1
    )
    back = mirrored.chi[:, :, ::-1] if frame == "simple" else mirrored.chi.transpose(0, 2, 1)
    assert original.chi == pytest.approx(back, abs=close)
    if frame == "simple":
        assert original.shear_stress == pytest.approx(-mirrored.shear_stress, abs=close)
        corners = np.roll(mirrored.exy[:, :, ::-1], 1, axis=2)  # the corner at 0 stays
        assert original.exy == pytest.approx(-corners, abs=close)


@pytest.mark.parametrize("rate", [1e8, pytest.param(1.0, marks=pytest.mark.slow)])
def test_work_through_a_cycle_is_dissipated_or_stored(rate):
    case = Case(MATERIAL, initial.uniform(POINT, 0.07), POINT, strains=CYCLE, rate=rate, frames=300)
    result = forward(case)
    path, gamma, shear = result.path, result.gamma, result.shear_stress
    assert path[-1] == pytest.approx(0.15 + 0.3 + 0.15)
    assert result.plastic_power.min() >= 0.0
    work = trapezoid(shear, gamma)
    lost = trapezoid(result.plastic_power, path)
    stresses = [as_tensor(frame[:, 0, 0]) for frame in result.stress]
    s, pressure = deviator(stresses[-1]), np.trace(stresses[-1]) / 3.0
    stored = np.sum(s * s) / (4.0 * MATERIAL.mu) + pressure**2 / (2.0 * MATERIAL.bulk)
    # Truesdell's terms turn the stress, and do work of order σ²/μ, though they strain nothing
    turned = [np.sum(deviator(t) * (SHEAR @ t + t @ SHEAR.T)) / (2.0 * MATERIAL.mu) for t in stresses]
    pressures = [np.trace(t) / 3.0 * 2.0 * t[0, 1] / (3.0 * MATERIAL.bulk) for t in stresses]
    by_turning = trapezoid(np.add(turned, pressures), gamma)
    assert lost + stored - by_turning == pytest.approx(work, rel=1e-3)
    assert lost == pytest.approx(work, rel=0.1) and stored > 0.02 and work > 0.3
    # of plastic flow: nothing where it is unloaded, on both sides
    for turn in (300, 600):
        assert abs(shear[turn]) > 0.99
        unloading = np.abs(path - path[turn] - 0.04) < 0.03
        assert np.all(result.plastic_power[unloading] == 0.0)
        slope = np.diff(shear[unloading]) / np.diff(gamma[unloading])
        assert slope == pytest.approx(MATERIAL.mu, rel=0.05)


def test_a_homogeneous_body_is_followed_through_reversals_and_changes_of_rate():
    strains, rates = (0.1, -0.05, -0.1, 0.0), (1e8, 1e8, 1e7, 3e8)
    case = Case(
        MATERIAL, initial.uniform(POINT, 0.08), POINT, strains=strains, rates=rates, frames=5, tolerance=1e-6
    )
    result = forward(case)
    y, start = np.append(np.zeros(9), 0.08), 0.0
    for leg, (end, rate) in enumerate(zip(strains, rates, strict=True)):
        sign = np.sign(end - start)
        y = solve_ivp(
            stiff, (0.0, abs(end - start)), y, "LSODA", args=(rate, sign * SHEAR),
            rtol=1e-9, atol=1e-11, max_step=2e-4,
        ).y[:, -1]  # fmt: skip
        frame, start = 5 * (leg + 1), end
        assert result.gamma[frame] == pytest.approx(end, abs=1e-12)
        assert result.stress[frame, :, 0, 0] == pytest.approx(y[[0, 1, 4, 8]], abs=1e-4)
        assert result.chi[frame, 0, 0] == pytest.approx(y[9], abs=1e-5)

"""Fields from sums: the temperature of few atoms, and what fields are called and made of."""

import numpy as np
import pytest

from mdbridge.core.units import UNIT_STYLES
from mdbridge.md.observe.channels import PAIRS, Constants
from mdbridge.md.observe.quantities import VOIGT, Sums, extra, present, stress

T = 303.0


def measured(masses, weights, dimension, rng, draws=400_000):
    """Mean temperature of windows whose atoms have velocities of Maxwell at T, boltzmann = 1."""
    m, g = np.array(masses), np.array(weights)
    v = rng.standard_normal((draws, len(m), 3)) * np.sqrt(T / m)[:, None]
    v[..., dimension:] = 0.0
    plain = {
        "number": np.full((draws, 1), g.sum()),
        "mass": np.full((draws, 1), (g * m).sum()),
        "momentum": np.einsum("a,a,nai->ni", g, m, v),
        "heat": np.einsum("a,a,nai,nai->n", g, m, v, v)[:, None],
    }
    squares = {"mass": np.full((draws, 1), (g * g * m).sum())}
    constants = Constants(1.0, 1.0, 1.0, dimension, float(dimension), 1)
    top, below = present(1)["temperature"].quotient(Sums(plain, squares, {}, 1.0, constants))
    return top.sum() / below.sum()


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize(
    ("masses", "weights"),
    [
        ([1, 1], [1, 1]),
        ([1, 1, 1], [1.0, 0.5, 0.1]),
        ([1, 5], [1.0, 0.1]),
        ([60, 27, 27, 1], [0.9, 0.7, 0.4, 0.05]),
    ],
)
def test_temperature_of_few_atoms_is_right_to_two_parts_in_a_thousand(masses, weights, dimension):
    rng = np.random.default_rng(7)
    # 400,000 draws leave about 0.15 % of noise for one degree of freedom, less for more
    temperature = measured(masses, weights, dimension, rng)
    assert temperature == pytest.approx(T, rel=2e-3 if dimension == 3 else 3e-3)


def test_a_single_atom_has_no_temperature():
    constants = Constants(1.0, 1.0, 1.0, 3, 3.0, 1)
    sums = {"number": np.array([[0.7]]), "mass": np.array([[0.7]]), "momentum": np.array([[0.7, 0, 0]])}
    sums["heat"] = np.array([[0.7]])
    _, below = present(1)["temperature"].quotient(
        Sums(sums, {"mass": np.array([[0.49]])}, {}, 1.0, constants)
    )
    assert below == 0.0


def test_units_follow_the_style_and_the_dimension():
    fields = present(2)
    assert fields["number_density"].units(UNIT_STYLES["real"].of(2)) == "1/angstrom^2"
    assert fields["number_density"].units(UNIT_STYLES["real"]) == "1/angstrom^3"
    assert fields["heat_flux"].units(UNIT_STYLES["metal"]) == "eV/(ps angstrom^2)"
    assert stress("virial", "lammps").units(UNIT_STYLES["lj"].of(2)) == "epsilon/sigma^2"
    assert stress("hardy", "mean").factor(UNIT_STYLES["metal"]) == 1e-4
    assert fields["composition"].components == ("type 1", "type 2")
    assert extra("mine", "c_mine").plain == ("number", "extra mine")
    assert VOIGT == ("xx", "yy", "zz", "xy", "xz", "yz")


def test_fields_of_a_window_are_those_of_its_atoms_written_out():
    """Five atoms of two types in one window, with factors of a unit style that all differ from 1."""
    random = np.random.default_rng(5)
    m, g, kind = np.array([2.0, 2.0, 7.0, 7.0, 7.0]), random.uniform(0.1, 1.0, 5), np.array([1, 1, 2, 2, 2])
    v, energy, virial = (
        random.standard_normal((5, 3)),
        random.standard_normal(5),
        random.standard_normal((5, 6)),
    )
    style, volume = Constants(3.0, 0.5, 11.0, 3, 3.0, 2), 4.0

    def summed(values):
        return (g @ values.reshape(5, -1))[None]

    motion = np.stack([m * v[:, i] * v[:, j] for i, j in PAIRS], axis=1)
    plain = {
        "number": summed(np.ones(5)), "mass": summed(m), "momentum": summed(m[:, None] * v),
        "motion": summed(motion), "heat": summed(m * (v**2).sum(axis=1)), "energy": summed(energy),
        "types": summed(np.eye(2)[kind - 1]), "flow": summed(m[:, None] * (v + 1.0)),
        "extra mine": summed(energy**2),
    }  # fmt: skip
    whole = {"mass": summed(m), "momentum": summed(m[:, None] * v), "motion": summed(motion)}
    whole |= {"virial": summed(virial), "stress": summed(virial + 1.0)}
    whole["flux"] = summed(v * energy[:, None])
    sums = Sums(plain, {"mass": (g**2 @ m)[None, None]}, whole, volume, style, summed(virial))

    def value(quantity):
        top, below = quantity.quotient(sums)
        return (top / below)[0]

    fields, share = present(2), g / g.sum()
    mean = (g * m) @ v / (g @ m)
    assert value(fields["density"]) == pytest.approx([g @ m / volume])
    assert value(fields["number_density"]) == pytest.approx([g.sum() / volume])
    assert value(fields["composition"]) == pytest.approx([share[:2].sum(), share[2:].sum()])
    assert value(fields["velocity"]) == pytest.approx(mean)
    assert value(fields["box_velocity"]) == pytest.approx(mean + 1.0)
    assert value(fields["potential_energy"]) == pytest.approx([share @ energy])
    assert value(fields["heat_flux"]) == pytest.approx(g @ (v * energy[:, None]))
    assert value(extra("mine", "c_mine")) == pytest.approx([share @ energy**2])
    own = v - mean
    free = g.sum() - (g**2 @ m) / (g @ m)
    assert value(fields["temperature"]) == pytest.approx(
        [3.0 * ((g * m) @ (own**2).sum(axis=1)) / (0.5 * 3.0 * free)]
    )
    about_mean = np.array([(g * m) @ (own[:, i] * own[:, j]) for i, j in PAIRS])
    # tension is positive, motion presses; sums with whole weights are per volume already
    assert value(stress("virial", "mean")) == pytest.approx(g @ virial - 33.0 * about_mean)
    assert value(stress("hardy", "mean")) == pytest.approx(g @ virial - 33.0 * about_mean / volume)
    assert value(stress("virial", "lammps")) == pytest.approx(g @ (virial + 1.0))

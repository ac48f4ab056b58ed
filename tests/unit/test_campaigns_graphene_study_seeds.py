"""Seeds of the MD in the study: which campaigns, whose results, means and what is not linear."""

from types import SimpleNamespace

import numpy as np
import pytest

from mdbridge.campaigns.graphene_study import seeds
from mdbridge.campaigns.graphene_study.input import Campaigns


def test_each_seed_repeats_both_ways_of_sampling_in_folders_of_their_own():
    names = Campaigns(no_twin="alone.toml", warm_set=["a=1"], no_twin_set=["b=2"], md_seeds=[7, 8])
    folders = {folder: (file, changes) for folder, file, changes in seeds.repeated(names)}
    assert list(folders) == [
        *("300K-seed-7", "300K-seed-8"),
        *("300K-no-twin", "300K-no-twin-seed-7", "300K-no-twin-seed-8"),
    ]
    assert folders["300K-seed-8"][1] == ["a=1", "thermal.seed=8", "thermal.load_factors=[1.0]"]
    assert folders["300K-no-twin-seed-7"] == ("alone.toml", ["b=2", "thermal.seed=7"])
    assert folders["300K-no-twin"] == ("alone.toml", ["b=2"])
    assert list(seeds.repeated(Campaigns())) == []


def result(value, failure=""):
    return {"failure": failure, "errors": {"E_u_val": value}, "constants": {"nu": -value}}


RECORD = {
    "results": {
        "table4-300K": result(1.0),
        "table4-300K-published": result(10.0),
        "seed-300K-seed-7": result(2.0),
        "seed-300K-seed-8": result(9.0, "no luck"),
        "seed-300K-seed-9": result(6.0),
        "seed-300K-seed-7-published": result(20.0),
        "seed-300K-no-twin": result(100.0),
        "seed-300K-no-twin-seed-7": result(200.0),
        "seed-300K-no-twin-published": result(1000.0),
        "seed-300K-no-twin-seed-7-published": result(2000.0),
    }
}


@pytest.mark.parametrize(
    ("label", "values"),
    [
        ("300K", [1, 2, 6]),
        ("300K-published", [10, 20]),
        ("300K-no-twin", [100, 200]),
        ("300K-no-twin-published", [1000, 2000]),
        ("0K", []),
    ],
)
def test_results_of_a_label_are_those_of_its_seeds_alone(label, values):
    taken = seeds.results_of(RECORD, label)
    assert [row["errors"]["E_u_val"] for row in taken] == values
    if values:
        mean, spread = seeds.mean_and_spread(taken, "errors", "E_u_val")
        assert mean == pytest.approx(np.mean(values)) and spread == pytest.approx(np.std(values, ddof=1))


def test_one_seed_has_no_spread():
    assert seeds.mean_and_spread([result(3.0)], "constants", "nu") == (-3.0, None)


def test_the_cubic_part_of_an_answer_is_read_off_reduced_loads():
    """u(f) = f a + f³ c gives ‖c‖ of ‖a + c‖, whatever the factor."""
    random = np.random.default_rng(3)
    a, c = random.standard_normal((2, 5, 40, 2))
    c *= 0.01

    def data(f, **parts):
        u = f * a + f**3 * c
        load = np.array(list(parts.values())).T.reshape(len(u), len(parts))
        return SimpleNamespace(
            fields={"train": SimpleNamespace(u=u, load=load, columns=list(parts))}, campaign=None, variant=""
        )

    even = [0.01, 0.02, 0.03, 0.04, 0.1]
    sets = {
        "0K": data(1.0),
        "300K": data(1.0, even_part=even),
        "300K-x0.25": data(0.25),
        "300K-x0.1": data(0.1),
    }
    rows = seeds.nonlinearity(sets, "two-sided")
    assert rows["300K, even_part"] == pytest.approx({"mean": 0.04, "largest": 0.1})
    share = np.linalg.norm(c, axis=(1, 2)) / np.linalg.norm(a + c, axis=(1, 2))
    for factor in ("0.25", "0.1"):
        row = rows[f"300K, odd_part from x{factor}"]
        assert row == pytest.approx({"mean": share.mean(), "largest": share.max()}, rel=1e-10)
    # answers to one sign have an even part that changes with the factor, too
    assert list(seeds.nonlinearity(sets, "twin")) == ["300K, even_part"]

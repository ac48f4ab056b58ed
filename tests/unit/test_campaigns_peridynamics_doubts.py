"""What constants may be off by beyond their error bars: told where it is so, and not where it is not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import own_data
import pytest
from own_data import LAM, MU, periodic

from mdbridge.campaigns.peridynamics import data, doubts
from mdbridge.campaigns.peridynamics.data_files import RawData
from mdbridge.campaigns.peridynamics.data_input import Data
from mdbridge.campaigns.peridynamics.learning import Candidate
from mdbridge.lps import symbol
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.learn import spectral
from mdbridge.lps.material import LinearPeridynamicSolid

SOLID = LinearPeridynamicSolid(Bernstein(12.75, np.array([1.0]), (1.0,)), LAM, MU)


def own(arrays=None, **keys):
    return data.prepare([RawData(Path("own.npz"), arrays or periodic(**keys))], Data())


def stiffened(samples, along, across):
    """The symbol of classical elasticity with moduli along k and across it that are off by factors."""
    k = samples.wavevectors
    square = (k**2).sum(axis=1)[:, None, None]
    forward = k[:, :, None] * k[:, None, :] / square
    return square * ((LAM + 2 * MU) * along * forward + MU * across * (np.eye(2) - forward))


@pytest.mark.parametrize("noise", [0.0, 0.01])
@pytest.mark.parametrize(("along", "across"), [(1.0, 1.0), (1.05, 1.0), (1.0, 0.9)])
def test_loads_of_the_longest_waves_over_those_of_a_model(along, across, noise):
    arrays = periodic()
    arrays["u"] += noise * arrays["u"].std() * np.random.default_rng(1).standard_normal(arrays["u"].shape)
    samples = spectral.transform(arrays["u"], arrays["b"], (16, 16), np.array([80.0, 80.0]))
    (first, a), (second, b) = doubts.ratios(stiffened(samples, along, across), samples)
    assert first == pytest.approx(1 / along, abs=1e-9 + 4 * a) and a < 0.01
    assert second == pytest.approx(1 / across, abs=1e-9 + 4 * b) and b < 0.01
    if not noise:
        assert max(a, b) < 1e-12


def test_without_loads_of_a_kind_nothing_is_said_of_it():
    arrays = periodic(kind="transverse")
    samples = spectral.transform(arrays["u"], arrays["b"], (16, 16), np.array([80.0, 80.0]))
    (first, error), (second, _) = doubts.ratios(stiffened(samples, 3.0, 2.0), samples)
    assert (first, error) == (1.0, 0.0) and second == pytest.approx(0.5)


def test_a_model_that_misses_the_longest_waves_is_told(monkeypatch):
    there = own()
    for factor, expected in ((1.0, 0), (1.04, 1)):

        def of(material, rings, factor=factor):
            (fields,) = there.training.values()
            samples = spectral.transform(fields.u, fields.b, (16, 16), np.array([80.0, 80.0]))
            return stiffened(samples, factor, 1.0)

        monkeypatch.setattr(symbol, "operator", of)
        notes = doubts.long_waves(SOLID, there)
        assert len(notes) == expected
    assert "4 % more than the longitudinal loads of the longest waves of 'train'" in notes[0]
    assert "learn.own_dilatation = true" in notes[0]


def test_finer_nodes_on_which_short_waves_are_far_stiffer_are_told():
    there = replace(own(), length_unit="nm")
    # a dilatation of either sign, whose moment hardly any is left of
    wild = replace(
        SOLID, lame_lambda=1.3, own_dilatation=Bernstein(12.75, np.array([3.0, -1.0, 0.0]), (0.5,))
    )
    assert doubts.stiff_waves(SOLID, [5.0, [2.5, 2.5]], there) == []
    assert doubts.stiff_waves(wild, [5.0], there) == []
    (note,) = doubts.stiff_waves(wild, [5.0, [2.5, 2.5]], there)
    assert "on nodes 0.25 × 0.25 nm apart the model is" in note and "times as stiff" in note
    assert "learn it without learn.own_dilatation, or from data with such waves" in note


def candidate(young, error):
    """A model of a Young's modulus (TPa) at ν = 0.25, and its displacement error."""
    material = replace(SOLID, lame_lambda=young / 3.75, lame_mu=young / 2.5)
    assert material.young == pytest.approx(young)
    return Candidate(12.75, 0, material, errors={"E_u_train": error})


def test_other_pairs_that_do_as_well_tell_what_the_choice_is_worth():
    best = candidate(1.0, 0.01)
    bars = {"E_TPa": {"std": 1e-3}, "nu": {"std": 1e-3}}
    there = own()
    worse, near, far = candidate(1.3, 0.013), candidate(1.0025, 0.01), candidate(0.99, 0.0119)
    failed = Candidate(20.0, 3, failure="none")
    assert doubts.other_pairs(best, [best, worse, near, failed], bars, there) == []
    (note,) = doubts.other_pairs(best, [best, worse, near, failed, far], bars, there)
    assert "gives E 0.9900 for 1.0000 (± 0.0010)" in note and "ν" not in note
    assert doubts.other_pairs(best, [best, far], {}, there) == []


def test_few_nodes_at_which_the_equation_is_asked_for_are_told():
    nodes = own_data.grid((14, 14), (5.0, 5.0))
    u, b = own_data.waves(nodes, (77.0, 77.0), samples=4)
    edged = own({"nodes": nodes, "u": u, "b": b})
    (note,) = doubts.few_nodes(edged, 12.75)
    assert "at 36 of the 196 nodes of 'train' alone" in note
    wide = own_data.grid((40, 40), (5.0, 5.0))
    u, b = own_data.waves(wide, (200.0, 200.0), samples=2)
    assert doubts.few_nodes(own({"nodes": wide, "u": u, "b": b}), 12.75) == []
    assert doubts.few_nodes(own(), 12.75) == []

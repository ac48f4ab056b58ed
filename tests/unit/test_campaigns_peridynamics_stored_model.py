"""A model on nodes of one's own: what it is there, and when it is refused."""

import json
import re
from types import SimpleNamespace

import bodies_for_tests as made
import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.campaigns.peridynamics.stored_model import (
    Model,
    check_points,
    check_spacing,
    of_json,
    read_model,
)
from mdbridge.core.errors import FileError, InputError, SolvabilityError
from mdbridge.core.identity import Identity
from mdbridge.core.stages import Product, make
from mdbridge.core.workspace import claim
from mdbridge.lps import moduli, stability, stencil
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.material import LinearPeridynamicSolid


def model(spacings=(), quadrature="published", alpha=2.0, coefficients=(1.0,)):
    """K = 1/r² unless told otherwise, whose moduli are not λ and μ with the published weights."""
    influence = Bernstein(6.0, np.array(coefficients), (alpha,))
    solid = LinearPeridynamicSolid(influence, 0.3, 0.4, quadrature=quadrature)
    return Model(solid, [list(spacing) for spacing in spacings], "mm", "GPa", "key")


def test_the_smallest_energy_is_that_of_the_zone():
    lowest, remark = check_spacing(model([(1.0, 1.25)]), (1.0, 1.25))
    assert remark == ""
    grid = stencil.uniform((1.0, 1.25), 6.0, "published")
    k = np.random.default_rng(0).uniform(0.05, 1, (400, 2)) * np.pi / grid.spacing
    energies = stability.operator_eigenvalues(model().material, grid, k)[:, 1]
    assert 0 < lowest <= energies.min() * (1 + 1e-9) and lowest > 0.8 * energies.min()


def test_a_model_of_no_known_nodes_is_taken_with_its_moduli():
    lowest, remark = check_spacing(model(), (1.0, 1.25))
    assert lowest > 0 and "on nodes 1 × 1.25 mm apart the model's moduli are" in remark
    constants = moduli.of_grid(model().material, stencil.uniform((1.0, 1.25), 6.0, "published"))
    for name, meant in (("C11", 1.1), ("C12", 0.3), ("C66", 0.4)):
        assert f"{name} = {constants[name]:.4g} for {meant}" in remark
    # the moduli of K = 1/r are those of the continuum everywhere
    assert check_spacing(model(alpha=1.0), (1.0, 1.25))[1] == ""


def test_nodes_on_which_a_model_is_another_material_are_refused():
    with pytest.raises(
        InputError, match=r"on nodes 1 × 1.25 mm apart .* off by .*learn.also_on = \[\[1, 1.25"
    ):
        check_spacing(model([(2.0, 2.0), (1.5, 1.5)]), (1.0, 1.25))
    # one of its grids is enough
    assert check_spacing(model([(2.0, 2.0), (1.0, 1.25)]), (1.0, 1.25))[1] == ""
    # the same moduli are not all: waves of eight nodes are those of another solid
    isotropic = model([(2.0, 2.0)], "isotropic", 0.5, (1.0, 2.0, -1.0, 1.5, -0.4))
    with pytest.raises(InputError, match="another material: for waves of 16 mm and longer"):
        check_spacing(isotropic, (1.0, 1.0))


def test_a_function_with_consistent_weights_carries_over():
    carried = model([(2.0, 2.0)], "consistent", 0.0)
    assert check_spacing(carried, (1.0, 1.0))[1] == ""


def test_a_wave_of_negative_energy_is_named_with_the_remedy():
    wild = model([(1.0, 1.0)], "isotropic", 1.0, (1.0, -1.5, 1.0))
    with pytest.raises(SolvabilityError, match=r"the wave k = .*learn.also_on = \[\[1, 1\]\]"):
        check_spacing(wild, (1.0, 1.0))


def test_displacements_of_negative_energy_on_scattered_nodes_are_noticed():
    """K of either sign, with the moduli of λ and μ on any nodes, and not positive on these."""
    body = made.scattered(24, 0.1)
    solid = made.material(3.0, (1.0, -1.5, 1.0), 1.0, quadrature="isotropic")
    with pytest.raises(
        SolvabilityError, match=r"scattered nodes the operator is not positive: .* use a lattice"
    ):
        check_points(Model(solid, [], "mm", "GPa", "key"), body)
    good = made.material(3.0, (1.0,), 1.0, quadrature="isotropic")
    lowest, words = check_points(Model(good, [], "mm", "GPa", "key"), body)
    assert 0 < lowest < np.inf
    # of the nodes beyond the patch nothing was asked, and the words do not claim more
    looked, there = map(int, re.search(r"on (\d+) of the (\d+) scattered nodes", words).groups())
    assert looked <= 300 and there == len(body.points)
    # a body without a node far from its boundary is classical altogether
    assert check_points(Model(solid, [], "mm", "GPa", "key"), made.scattered(9, 0.1))[0] == np.inf


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"units": [1]}, "'units'"),
        ({"units": {"length": "parsec"}}, "'units': .*has length = 'parsec', but not the factor length_A"),
        ({"units": {"length": "mm", "length_A": -1.0}}, "'units.length_A'"),
        ({"certificates": [3]}, "'certificates.0'"),
        ({"certificates": [{"spacing": "x"}]}, "'certificates.0.spacing'"),
        ({"mu_TPa": float("nan")}, "must be finite numbers"),
    ],
)
def test_what_is_no_model_is_refused_with_its_key(changes, words):
    stored = made.material(3.0, made.SIGN_CHANGING, 0.5, quadrature="isotropic").as_dict()
    assert of_json(stored, "model.json").length == "angstrom"
    millimetres = {"length": "mm", "length_A": 1e7, "modulus": "GPa", "modulus_TPa": 1e-3}
    scaled = of_json(stored | {"units": millimetres}, "model.json")
    assert scaled.length == "mm" and scaled.material.influence.horizon == pytest.approx(3e-7)
    with pytest.raises(InputError, match=f"model.json: {words}" if "'" in words else words):
        of_json(stored | changes, "model.json")


def test_a_model_is_that_of_its_input_and_of_what_was_said_when_it_was_learned(tmp_path):
    """A changed input is refused; a model that somebody put there has none, and is taken."""
    out, stored = tmp_path / "out", json.dumps(model().material.as_dict())
    asked = []

    def plan_of(source, said, workspace):
        asked.append(said)
        identity = Identity("model", values={"learn.degrees": said[-1]})
        return [Product("model", identity, ("model.json",), lambda folder: None)]

    campaign = SimpleNamespace(CAMPAIGN="graphene", plan_of=plan_of)
    with pytest.raises(FileError, match=r"model\.json: no such file; run 'mdbridge learn in\.toml --out"):
        read_model(campaign, "in.toml", out, [])
    with claim(MPI.COMM_SELF, out, "graphene", tmp_path / "in.toml", ["degrees=2"]) as workspace:
        work = Product(
            "model",
            Identity("model", values={"learn.degrees": "degrees=2"}),
            ("model.json",),
            lambda folder: (folder / "model.json").write_text(stored) and None,
        )
        make(MPI.COMM_SELF, workspace, work)
    assert read_model(campaign, "in.toml", out, []).material.lame_mu == model().material.lame_mu
    with pytest.raises(FileError, match="made from another input"):
        read_model(campaign, "in.toml", out, ["degrees=3"])
    assert asked == [["degrees=2"], ["degrees=2", "degrees=3"]]
    (out / "model.json").write_text(stored + "\n")
    assert read_model(campaign, "in.toml", out, ["degrees=3"]).spacings == []

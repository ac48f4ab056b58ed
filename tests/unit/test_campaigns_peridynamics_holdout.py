"""The hold-out: errors of operators that are known, and a sheet without an atom."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.campaigns.peridynamics import holdout, sampling, wave
from mdbridge.campaigns.peridynamics.input import GrapheneInput
from mdbridge.core.config import check
from mdbridge.core.console import console
from mdbridge.core.errors import FileError, MdbridgeError
from mdbridge.core.identity import Identity
from mdbridge.core.stages import Product, make
from mdbridge.core.workspace import claim
from mdbridge.fields.fieldset import FieldSet
from mdbridge.fields.grid import NodeGrid
from mdbridge.lps import symbol
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.local import GradientElasticity
from mdbridge.lps.material import LinearPeridynamicSolid
from mdbridge.md import unseen

SOLID = LinearPeridynamicSolid(Bernstein(11.0, np.array([1.0, 0.6, 0.3]), (1.0,)), -0.15, 0.7)
GRID = NodeGrid.periodic_cells((60.0, 55.0), 5.0)
OTHERS = {
    "classical": {"lambda_TPa": -0.15, "mu_TPa": 0.7},
    "gradient": {
        "longitudinal_TPa": 1.25,
        "transverse_TPa": 0.7,
        "longitudinal_length2_A2": -0.2,
        "transverse_length2_A2": 0.1,
    },
}


def test_what_made_the_samples_has_no_error_and_others_have():
    """Gradient elasticity answers to a few of the unseen loads; each operator is what its name says."""
    truth = GradientElasticity(1.25, 0.7, -0.2, 0.1)
    loads = unseen.unseen(GRID.box, 1)[8:12]
    b = np.array([load.on(GRID.points()) for load in loads])
    k = symbol.grid_wavevectors(GRID.shape, GRID.box)
    spectrum = np.fft.fft2(b.reshape(4, *GRID.shape, 2), axes=(1, 2)).reshape(4, -1, 2)
    inverse = np.zeros((len(k), 2, 2))
    inverse[1:] = np.linalg.inv(truth.symbol(k[1:], np.array(GRID.spacing)))
    u = np.fft.ifft2(
        np.einsum("kij,skj->ski", inverse, spectrum).reshape(4, *GRID.shape, 2), axes=(1, 2)
    ).real.reshape(b.shape)
    fields = FieldSet(
        GRID.points(),
        u,
        b,
        np.zeros((4, 0)),
        [],
        [load.name for load in loads],
        GRID.box,
        np.array(GRID.spacing),
        GRID.shape,
    )
    errors = holdout.measured(fields, holdout.operators(SOLID, OTHERS))
    assert list(errors) == ["learned", "classical", "gradient", "finite_differences"]
    assert max(errors["gradient"][0].max(), errors["gradient"][1].max()) < 1e-9
    # (1 + ℓ k²) for waves of 20 Å and more
    assert errors["classical"][1].min() > 0.001 and errors["classical"][1].max() < 0.05
    assert errors["finite_differences"][1].min() > errors["classical"][1].max()


def test_a_sheet_without_an_atom_is_at_rest_and_answers():
    data = {
        "campaign": "graphene",
        "md": {"cells": [12, 7], "disc_radius_A": 15.0, "disc_inner_A": 8.0},
        "coarse": {"radius_A": 5.0, "spacing_A": 2.5, "fine_spacing_A": 1.25},
        "learn": {"horizons_A": [6.0]},
        "dynamics": {"enabled": False},
    }
    config = check(data, GrapheneInput, "small.toml")
    with sampling.sampler(MPI.COMM_SELF, config) as sampler:
        vacant, whole = sampler.vacant, sampler.sheet
        assert len(vacant.reference) == len(whole.reference) - 1
        assert np.abs(vacant.force(np.zeros_like(vacant.reference))).max() < 1e-8
        box = sampler.planar.box(config.md.cells, sampler.lattice)
        load = next(each for each in unseen.unseen(box, 1) if each.name == "vacancy-0")
        answers = [sampler.static(load, crystal)["u"] for crystal in (vacant, whole)]
    # softer near the hole, and much the same where the load is
    assert answers[0] == pytest.approx(answers[1], abs=0.3 * np.abs(answers[1]).max())
    assert not np.allclose(answers[0], answers[1], atol=1e-3 * np.abs(answers[1]).max())


@pytest.mark.parametrize(("lacks", "command"), [("model", "learn"), ("baselines", "solve")])
def test_what_is_measured_must_have_been_made_before(tmp_path, lacks, command):
    def product(name):
        return Product(
            name, Identity(name), (f"{name}.json",), lambda folder: (folder / f"{name}.json").touch()
        )

    pieces = {name: product(name) for name in ("model", "baselines")}
    with claim(MPI.COMM_SELF, tmp_path / "out", "graphene", tmp_path / "in.toml") as workspace:
        campaign = SimpleNamespace(workspace=workspace, **pieces)
        make(MPI.COMM_SELF, workspace, pieces[{"model": "baselines", "baselines": "model"}[lacks]])
        with pytest.raises(FileError, match=f"{lacks}.json: no such file; run 'mdbridge {command}' first"):
            holdout._require(campaign)
        make(MPI.COMM_SELF, workspace, pieces[lacks])
        holdout._require(campaign)


@pytest.mark.parametrize("command", ["wave", "holdout"])
def test_a_warm_sheet_is_refused_where_atoms_must_be_at_rest(monkeypatch, command):
    """A cold one goes on to what comes next."""

    def reached(*_):
        raise FileError("reached")

    module, arguments = {"wave": (wave, []), "holdout": (holdout, [1])}[command]
    monkeypatch.setattr(wave.demands, "wave", reached)
    monkeypatch.setattr(holdout, "_require", reached)
    for thermal, words in ({}, r"in\.toml: .*; give an input without \[thermal\]"), (None, "reached"):
        given = {"campaign": "graphene", "thermal": thermal, "dynamics": {"enabled": False}}
        config = check(given, GrapheneInput, "in.toml")
        campaign = nullcontext(SimpleNamespace(config=config))
        monkeypatch.setattr(module, "open_campaign", lambda *_, campaign=campaign: campaign)
        with pytest.raises(MdbridgeError, match=words):
            getattr(module, command)(MPI.COMM_SELF, "in.toml", None, [], *arguments)


def test_errors_are_told_by_kind_of_load_and_over_all(table_told):
    kinds, models = {"waves": 24, "vacancy": 8}, ("learned", "classical", "gradient", "finite_differences")
    errors = {
        name: {
            kind: {"E_res": 0.1 * m + 0.01 * k, "E_u": 0.1 * m + 0.01 * k + 0.005}
            for k, kind in enumerate(("all", *kinds))
        }
        for m, name in enumerate(models)
    }
    holdout._show(console(MPI.COMM_SELF), {"seed": 3, "loads": kinds, "errors": errors})
    rows, words = table_told()
    for k, kind in enumerate(("all", *kinds)):
        assert rows[kind] == [f"{10 * m + k:.2f} / {10 * m + k + 0.5:.2f}" for m in range(4)]
    assert "errors (%) on 32 unseen loads, seed 3" in words

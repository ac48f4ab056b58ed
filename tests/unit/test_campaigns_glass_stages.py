"""A glass campaign's pieces of work: what a changed key makes anew, and what stays."""

import contextlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.campaigns.glass import stages
from mdbridge.campaigns.glass.input import GlassInput
from mdbridge.campaigns.glass.stages import Campaign
from mdbridge.core.config import check
from mdbridge.core.errors import InputError
from mdbridge.core.stages import pieces_of_work
from mdbridge.core.workspace import Workspace

FILES = {"md.potential": "hash of the potential"}
CALIBRATE = {"strains": [0.1, 0.5]}


def keys(files=FILES, out="out", **sections):
    """Names and keys of all that a run does."""
    config = check({"campaign": "glass"} | sections, GlassInput, "glass.toml")
    source = Path("glass.toml")
    campaign = Campaign(MPI.COMM_SELF, config, source, Workspace(Path(out), "glass"), Path("CuZr.fs"), files)
    return {name: identity.key for piece in campaign.plan() for name, identity in pieces_of_work(piece)}


BASE = keys()
MELT = {"melt", "liquid"}
QUENCH = {"quench-001", "quench-002", "quench-003"}
MODULI = {"moduli", "xy-plus", "xy-minus", "volume-plus", "volume-minus"}
SHEAR = {f"shear-{n:03d}" for n in range(1, 11)}
STRIPE = {"stripe-melt", "stripe-quench-001", "stripe-relax"}
END = {"sample", "report"}
OBSERVED = {"hold", *SHEAR, *END}
AT_REST = {"relax", *MODULI, *OBSERVED}


def redone(**sections):
    now = keys(**sections)
    return {name for name in now if BASE.get(name) != now[name]}


def test_a_run_does_all_of_it_in_order():
    assert set(BASE) == MELT | QUENCH | AT_REST
    names = list(BASE)
    assert names.index("melt") < names.index("quench-001") < names.index("relax") < names.index("moduli")
    assert names.index("moduli") < names.index("hold") < names.index("shear-001") < names.index("sample")
    assert names[-1] == "report"


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"md": {"seed": 7}}, {*MELT, *QUENCH, *AT_REST}),
        ({"md": {"liquid_ps": 6.0}}, {"liquid", *QUENCH, *AT_REST}),
        ({"md": {"relax_ps": 11.0}}, AT_REST),
        ({"md": {"modulus_ps": 11.0}}, {*MODULI, *END}),
        ({"shear": {"rate_per_ps": 0.004}}, OBSERVED),
        ({"observe": {"strain_window": 6.0}}, OBSERVED),
        ({"observe": {"extra": {"csym": "c_csym"}}}, OBSERVED),
        ({"checkpoint": {"every_frames": 20}}, {*(f"shear-{n:03d}" for n in range(1, 6)), *END}),
        ({"output": {"trajectory": True}}, OBSERVED),
        ({"output": {"paper_format": True}}, set()),
        ({"md": {"melt_K": 3000.0}}, set()),  # its default
        ({"glass": {"anneal": "swap"}}, {*QUENCH, "anneal-001", *AT_REST}),
        ({"glass": {"anneal": "cyclic"}}, {"anneal-001", "anneal-002", "anneal-003", *AT_REST}),
        ({"glass": {"stripe": {}}}, {*STRIPE, *MODULI, *OBSERVED}),  # the glass below it stays
    ],
)
def test_a_changed_key_redoes_what_reads_it_and_nothing_else(sections, expected):
    # a quench that stops on the way has more pieces
    assert {name for name in redone(**sections) if name != "quench-004"} == expected


def test_a_temperature_of_the_glass_is_read_from_the_quench_on():
    assert redone(md={"temperature_K": 150.0}) >= QUENCH | AT_REST
    assert not redone(md={"temperature_K": 150.0}) & MELT


def test_a_predictor_of_its_own_is_one_more_test_of_the_glass_at_rest():
    for sections in (
        {"glass": {"predictors": ["nonaffinity"]}},
        {"calibrate": CALIBRATE | {"predictor": "nonaffinity"}},
    ):
        now = keys(**sections)
        assert set(now) - set(BASE) - {"calibrate"} == {"nonaffinity"}
        # nothing that moves atoms is done again
        assert {name for name in BASE if now[name] != BASE[name]} == END
    other = keys(glass={"predictors": ["nonaffinity"]}, md={"modulus_strain": 0.004})
    assert other["nonaffinity"] != keys(glass={"predictors": ["nonaffinity"]})["nonaffinity"]


def test_the_local_yield_stress_does_not_read_the_strain_of_the_moduli():
    wide = {"cells": [16, 16, 3]}
    now = [
        keys(glass={"predictors": ["local_yield"]}, md=wide | more)
        for more in ({}, {"modulus_strain": 0.004})
    ]
    assert now[0]["local_yield"] == now[1]["local_yield"] and now[0]["moduli"] != now[1]["moduli"]


def test_another_place_of_the_stripe_redoes_the_stripe_and_what_comes_after_it():
    stripes = [keys(glass={"stripe": {"centre": centre}}) for centre in (0.25, 0.5)]
    changed = {name for name in stripes[0] if stripes[0][name] != stripes[1][name]}
    assert changed == {*STRIPE, *MODULI, *OBSERVED}


def test_another_potential_redoes_everything():
    assert set(BASE) == redone(files={"md.potential": "another"})


def test_a_calibration_is_one_more_piece_and_its_settings_are_its_own():
    base, other = keys(calibrate=CALIBRATE), keys(calibrate=CALIBRATE | {"stress_weight": 0.5})
    assert set(base) - set(BASE) == {"calibrate"}
    assert {name for name in base if base[name] != other[name]} == {"calibrate", "report"}
    moved = keys(calibrate=CALIBRATE, md={"relax_ps": 11.0})
    assert base["calibrate"] != moved["calibrate"]


def test_the_folder_is_in_no_key():
    assert keys(out="elsewhere") == BASE


def test_a_script_has_its_own_segments_and_every_file_that_it_reads_counts(tmp_path):
    (tmp_path / "my.in").write_text("include more.in\n")
    (tmp_path / "more.in").write_text("units metal\n")
    source = tmp_path / "glass.toml"
    source.write_text('campaign = "glass"\n[md]\nscript = "my.in"\nsteps = 5000\n')

    def pieces():
        segments = stages.plan_of(source, [], Workspace(tmp_path / "out", "glass"))
        return {name: identity.key for piece in segments for name, identity in pieces_of_work(piece)}

    before = pieces()
    assert set(before) == {"run-001", *END}
    (tmp_path / "more.in").write_text("units metal\nprint hello\n")
    assert all(before[name] != key for name, key in pieces().items())
    (tmp_path / "my.in").unlink()
    with pytest.raises(InputError, match=r"'md\.script' = 'my\.in': there is no file"):
        pieces()


@pytest.mark.parametrize(("asked", "written"), [(False, False), (True, False), (False, True)])
def test_the_paper_s_files_are_made_where_the_command_or_the_input_asks(monkeypatch, asked, written):
    products = []
    settings = {"output": {"paper_format": written}}
    config = check({"campaign": "glass"} | settings, GlassInput, "glass.toml")
    campaign = Campaign(
        MPI.COMM_SELF, config, Path("glass.toml"), Workspace(Path("out"), "glass"), Path("CuZr.fs"), FILES
    )
    monkeypatch.setattr(stages, "open_campaign", lambda *_: contextlib.nullcontext(campaign))
    monkeypatch.setattr(
        stages.stages, "make", lambda comm, workspace, product, **_: products.append(product.name)
    )
    stages.sample(MPI.COMM_SELF, Path("glass.toml"), Path("out"), (), asked)
    assert products == ["sample", *([campaign.paper_files.name] if asked or written else [])]


@pytest.mark.parametrize(("window", "taken"), [(4.0, stages.localyield.RADIUS), (25.0, 25.0)])
def test_a_cell_has_the_local_yield_stress_of_a_window_that_holds_a_cylinder(monkeypatch, window, taken):
    observe = {"energy_window": window, "grid": [6, 5], "cutoff": 9.0}
    config = check({"campaign": "glass", "observe": observe}, GlassInput, "glass.toml")
    places, gained, box = np.zeros((1, 2)), np.ones(1), np.full(2, 85.0)
    monkeypatch.setattr(stages.localyield, "yield_stresses", lambda *_: (places, gained, box))
    monkeypatch.setattr(stages.softness, "window_means", lambda *given: given)
    glass = SimpleNamespace(config=config, _at_rest=Path(), material=None)
    *_, shape, radius, cutoff = Campaign._local_yield(glass, MPI.COMM_SELF)
    assert (shape, radius, cutoff) == ((5, 6), taken, 9.0)


@pytest.mark.parametrize(
    ("command", "seeds", "calibrated", "expected"),
    [
        ("sample", 1, True, ["glass"]),
        ("report", 1, True, ["summary again"]),
        ("run", 1, True, ["glass", "calibration", "summary"]),
        ("run", 1, False, ["glass", "summary"]),
        ("sample", 2, False, ["samples on 3"]),
        ("report", 2, False, ["ensemble_report again"]),
        ("run", 2, False, ["runs on 3", "ensemble_report again"]),
    ],
)
def test_a_command_does_its_pieces_in_order(monkeypatch, command, seeds, calibrated, expected):
    done = []
    ensemble = SimpleNamespace(seeds=seeds, ranks_per_sample=3)
    config = SimpleNamespace(ensemble=ensemble, output=SimpleNamespace(paper_format=False))
    names = ("glass", "summary", "samples", "runs", "paper_files", "ensemble_report")
    pieces = {name: name for name in names} | {"calibration": "calibration" if calibrated else None}
    campaign = SimpleNamespace(workspace=None, config=config, **pieces)
    monkeypatch.setattr(stages, "open_campaign", lambda *_: contextlib.nullcontext(campaign))

    def make(comm, workspace, product, again=False):
        done.append(product + (" again" if again else ""))

    monkeypatch.setattr(stages.stages, "make", make)
    monkeypatch.setattr(
        stages.ensemble, "share", lambda _, __, stage, ranks: done.append(f"{stage} on {ranks}")
    )
    getattr(stages, command)(MPI.COMM_SELF, Path("glass.toml"), Path("out"), [])
    assert done == expected


def test_a_switch_for_a_single_sample_is_not_dropped_by_an_ensemble(monkeypatch):
    config = SimpleNamespace(ensemble=SimpleNamespace(seeds=2, ranks_per_sample=1))
    campaign = SimpleNamespace(config=config)
    monkeypatch.setattr(stages, "open_campaign", lambda *_: contextlib.nullcontext(campaign))
    with pytest.raises(InputError, match=r"--paper-format is for a single sample; set output\.paper_format"):
        stages.sample(MPI.COMM_SELF, Path("glass.toml"), Path("out"), [], paper_format=True)

"""The paper's tables: they agree with each other, and with the paper's text where it is at hand."""

import os
import unicodedata
from pathlib import Path

import pytest

from mdbridge.campaigns.peridynamics import published
from mdbridge.campaigns.peridynamics.input import MD, Coarse, Dynamics, GrapheneInput, Learn, Thermal
from mdbridge.campaigns.peridynamics.published import TABLE_3, TABLE_4, TABLE_5, TABLE_6, beside
from mdbridge.md.potentials import potential

PAPERS = Path(os.environ.get("MDBRIDGE_SHARED_PAPERS", Path(__file__).parents[2] / "../shared/papers"))


@pytest.mark.parametrize("label", ["0K", "300K"])
def test_the_chosen_model_is_a_row_of_the_sweep(label):
    """Of Table 3; the best by AvgE, and its errors are those of Table 4."""
    chosen = TABLE_4[label]
    (row,) = [candidate for candidate in TABLE_3[label] if candidate["M"] == chosen["M"]]
    for key in ("delta_A", "E_res_train", "E_u_train", "E_res_val", "E_u_val"):
        assert row[key] == chosen[key]
    assert min(TABLE_3[label], key=lambda candidate: candidate["AvgE"]) is row


def test_the_largest_signal_is_the_model_at_300_K():
    assert TABLE_5[0] == {"snr": 0.1556} | {k: v for k, v in TABLE_4["300K"].items() if k in TABLE_5[0]}
    assert [row["snr"] for row in TABLE_5] == sorted((row["snr"] for row in TABLE_5), reverse=True)


def test_errors_are_fractions():
    rows = [*TABLE_3["0K"], *TABLE_3["300K"], *TABLE_4.values(), *TABLE_5, *TABLE_6.values()]
    for row in rows:
        for key, value in row.items():
            if key.startswith("E_") and key not in ("E_TPa", "E_res_test"):
                assert 0.01 < value < 0.5, key


@pytest.mark.skipif(not PAPERS.is_dir(), reason="no papers: set MDBRIDGE_SHARED_PAPERS to their folder")
def test_every_row_is_in_the_paper():
    texts = [unicodedata.normalize("NFKC", path.read_text("utf-8")) for path in PAPERS.glob("*.txt")]
    (paper,) = [text for text in texts if "signal-to-noise ratio (SNR) defined by" in text]

    def percents(row):
        return [f"{100 * row[key]:.2f}%" for key in ("E_res_train", "E_u_train", "E_res_val", "E_u_val")]

    for label in ("0K", "300K"):
        for row in TABLE_3[label]:
            average = f"{row['AvgE']:g}"
            assert " ".join([f"{row['M']}", f"{row['delta_A']:g}Å", *percents(row), average]) in paper
    for row in (*TABLE_4.values(), *TABLE_5):
        constants = [f"{row[key]:.4f}" for key in ("alpha", "lambda_TPa", "mu_TPa")]
        start = f"{row['M']} " if "M" in row else f"{row['snr']:.4f} "
        assert start + " ".join([*constants, f"{row['E_TPa']:.2f}", f"{row['nu']:.4f}"]) in paper
        absolute = f"{10 * row['E_res_test']:.2f}E-1"
        assert " ".join([*percents(row), absolute, f"{100 * row['E_u_test']:.2f}%"]) in paper
    for row, spacing, absolute in ((TABLE_6["fine"], "2.5", "2.95E-0"), (TABLE_6["coarse"], "5", "1.97E-1")):
        assert row["E_res_test"] == float(absolute)
        rest = [f"{100 * row[key]:.2f}%" for key in ("E_res_val", "E_u_val")]
        assert " ".join([f"h = {spacing}Å", *rest, absolute, f"{100 * row['E_u_test']:.2f}%"]) in paper


def campaign(temperature=0.0, **sections):
    if temperature:
        warm = {"thermal": Thermal(temperature_K=temperature), "dynamics": Dynamics(enabled=False)}
        sections = warm | sections
    return GrapheneInput(campaign="graphene", **sections)


def test_the_paper_s_numbers_stand_beside_the_paper_s_system(tmp_path):
    assert beside(campaign()) == TABLE_4["0K"]
    assert beside(campaign(300.0)) == TABLE_4["300K"]
    copy = tmp_path / "carbon.tersoff"
    copy.write_bytes(potential("SiC.tersoff").read_bytes())
    assert beside(campaign(md=MD(potential=str(copy)))) == TABLE_4["0K"]
    assert beside(campaign(md=MD(potential="SiCGe.tersoff"))) == TABLE_4["0K"]  # the same carbon
    assert beside(campaign(300.0, learn=Learn(variant="published-x1-twin"))) == TABLE_4["300K"]


@pytest.mark.parametrize(
    "md",
    [
        MD(crystal="boron-nitride"),
        MD(potential="BNC.tersoff"),  # it has another carbon
        MD(potential="SiC_Erhart-Albe.tersoff"),
        MD(potential="CH.airebo", pair_style="airebo 3.0", pair_coeff="* * {potential} C"),
        MD(potential="SiC.tersoff", pair_style="tersoff shift 0.1", pair_coeff="* * {potential} C"),
    ],
)
def test_other_atoms_are_not_the_paper_s(md):
    assert published.label(campaign(md=md)) is None
    assert beside(campaign(md=md)) is None


@pytest.mark.parametrize(
    "other",
    [
        campaign(250.0),
        campaign(md=MD(cells=[40, 23])),
        campaign(md=MD(disc_radius_A=110.0)),
        campaign(coarse=Coarse(radius_A=12.0)),
        campaign(coarse=Coarse(kernel="gaussian")),
        campaign(300.0, learn=Learn(variant="published-x0.1-twin")),
    ],
)
def test_another_temperature_size_or_average_is_not_the_paper_s(other):
    assert beside(other) is None


def test_a_file_that_is_no_tersoff_file_is_not_the_paper_s(tmp_path):
    for text in ("", "C C C 3.0", "C C C 3.0 1.0 0.0 x x x x x x x x x x x", "C C C " + "1 " * 14):
        (tmp_path / "odd").write_text(text)
        assert published.label(campaign(md=MD(potential=str(tmp_path / "odd")))) is None

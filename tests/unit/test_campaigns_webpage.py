"""The report of a folder: one page, whatever is in it."""

import json
import struct
import zlib
from html.parser import HTMLParser

import browser
import pytest

from mdbridge.campaigns import webpage
from mdbridge.core.errors import InputError


def picture(width, height):
    """A PNG of one colour."""

    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    rows = (b"\0" + b"\xff\0\0" * width) * height
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture
def folder(tmp_path):
    """Results of a calibration whose names are as awkward as they may be."""
    out = tmp_path / "out <b>&"
    out.mkdir()
    manifest = {"format": "mdbridge-workspace", "version": 1, "campaign": "calibrate", "mdbridge": "0.2.0"}
    manifest |= {"source": "/data/my input.toml", "overrides": ["ego.seed=3"]}
    (out / "mdbridge.json").write_text(json.dumps(manifest))
    (out / "input.toml").write_text("# <script>alert(1)</script>\n")
    (out / "distance.png").write_bytes(picture(40, 30))
    (out / "fields_heat.png").write_bytes(picture(90, 30))
    summary = {
        "best": {"a_b": 1.25},
        "intervals": {"a_b": [1.0, 1.5]},
        "units": {"a_b": "GPa"},
        "distance": 0.5,
        "doubts": ["the model is <wrong>"],
        "versions": {"numpy": "2.3"},
    }
    (out / "summary.json").write_text(json.dumps(summary))
    return out


class Page(HTMLParser):
    """The texts, the tags and the sources of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.sources, self.texts, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [value for name, value in attributes if name == "src"]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(" ".join(data.split()))


def test_a_page_is_whole_and_needs_nothing_else(folder):
    page = Page(webpage.write(folder).read_text())
    assert page.open == []
    assert len(page.sources) == 2 and all(
        source.startswith("data:image/png;base64,") for source in page.sources
    )
    assert "script" not in page.tags and "link" not in page.tags


def test_names_and_inputs_are_text(folder):
    page = Page(webpage.write(folder).read_text())
    assert "A calibration: my input" in page.texts
    assert "the model is <wrong>" in page.texts
    assert "# <script>alert(1)</script>" in page.texts
    command = next(text for text in page.texts if text.startswith("mdbridge run"))
    assert "'/data/my input.toml'" in command and "--set ego.seed=3" in command


def test_numbers_have_their_names_and_units(folder):
    texts = Page(webpage.write(folder).read_text()).texts
    row = texts[texts.index("a_b (GPa)") :]
    assert [text for text in row if text][:3] == ["a_b (GPa)", "1.25", "1 … 1.5"]
    assert "2.3" in texts


def test_a_model_of_own_data_is_told_in_their_units_alone():
    own = {
        "length_unit": "mm",
        "modulus_unit": "GPa",
        "E": 70.2158,
        "E_std": 0.048,
        "nu": 0.3434,
        "horizon": 9.46,
    }
    summary = {"E_TPa": 0.0702, "E_TPa_std": 5e-5, "nu": 0.3434, "nu_std": 3e-4, "delta_A": 9.46e7, "M": 12}
    model, rest = webpage.tables(summary | {"own_units": own, "moduli_TPa": {"C11": 0.08}})
    assert dict(model.rows) == {
        "Young's modulus E (GPa)": "70.216 ± 0.048",
        "Poisson's ratio ν": "0.3434",
        "horizon δ (mm)": "9.46",
    }
    assert rest.rows == [["M", "12"]]


def test_a_model_of_own_data_stands_beside_what_was_fitted_likewise_on_nodes_in_their_unit():
    own = {"length_unit": "nm", "modulus_unit": "GPa", "E": 70.2, "E_std": 0.04, "nu": 0.34, "horizon": 9.0}
    fitted = {"E": 71.5, "nu": 0.33, "E_res_train": 0.02}
    summary = {"delta_A": 90.0, "certificate": {"spacing": [50.0, 45.0], "min_gamma": 0.9}, "own_units": own}
    errors, model, *_, certificate = webpage.tables(
        summary | {"E_res_train": 0.01, "baselines": {"classical": fitted}}
    )
    assert errors.rows == [["learned model", "1"], ["classical elasticity", "2"]]
    assert model.columns == ["", "learned model", "classical elasticity"]
    assert model.rows == [
        ["Young's modulus E (GPa)", "70.200 ± 0.040", "71.5"],
        ["Poisson's ratio ν", "0.34", "0.33"],
        ["horizon δ (nm)", "9", ""],
    ]
    assert ["node spacing (nm)", "5 × 4.5"] in certificate.rows and ["min_gamma", "0.9"] in certificate.rows


def test_what_the_data_left_to_be_said_is_at_the_top():
    summary = {"doubts": ["alike"], "notes": ["the unit was not given"]}
    assert webpage.warnings(summary) == ["alike", "the unit was not given"]


@pytest.mark.parametrize(("unit", "name"), [({}, "C11"), ({"modulus_unit": "MPa"}, "C11 (MPa)")])
def test_a_problem_that_was_solved_is_told_with_its_notes(folder, unit, name):
    told = {"nodes": 186, "C11": 202.91, "notes": ["0% of the nodes <obey> it"]} | unit
    (folder / "solution.json").write_text(json.dumps(told))
    texts = Page(webpage.write(folder).read_text()).texts
    row = [text for text in texts[texts.index("The problem solved") :] if text]
    assert row[1:7] == ["nodes", "186", name, "202.9", "note", "0% of the nodes <obey> it"]


@pytest.mark.parametrize("text", ["[1, 2]", '{"nodes": 3}', '{"notes": 5}', "{", '"notes"'])
def test_a_file_of_that_name_that_is_no_solution_of_ours_is_no_reason_to_fail(folder, text):
    (folder / "solution.json").write_text(text)
    assert "The problem solved" not in webpage.write(folder).read_text()


def test_errors_stand_beside_those_of_baselines():
    errors = {"E_res_train": 0.0126, "E_u_val": 0.002}
    summary = errors | {"nu": -0.163, "baselines": {"classical": {"E_res_train": 0.0181, "E_u_val": 0.0019}}}
    first, second = webpage.tables(summary)
    assert first.columns == ["", "residual, training", "displacement, validation"]
    assert first.rows == [["learned model", "1.26", "0.2"], ["classical elasticity", "1.81", "0.19"]]
    assert second.rows == [["ν", "−0.163"]]


def test_what_has_no_summary_yet_is_told(folder):
    assert "Not complete yet" not in webpage.write(folder).read_text()
    (folder / "summary.json").unlink()
    assert "Not complete yet" in webpage.write(folder).read_text()


def test_standard_errors_are_named_for_what_they_are():
    values = {"length_unit": "mm", "modulus_unit": "MPa", "E": 3.0, "nu": 0.3, "horizon": 1.0}
    without, numbers = (webpage._in_own_units(values | more, {}) for more in ({}, {"E_std": 0.1}))
    assert "scatter" not in without.title and "scatter of the samples alone" in numbers.title


def test_a_run_that_ended_early_is_told():
    assert webpage.warnings({"complete": False, "failure": "no flow"}) == ["Not complete: no flow."]


def test_samples_that_failed_are_told_at_the_top_and_nowhere_else(folder):
    summary = {"samples": 1, "failed": {"2023": "lost 3 atoms."}}
    assert webpage.warnings(summary) == [
        "Sample 2023 failed: lost 3 atoms; the others went on; the same command tries it again."
    ]
    assert [table.rows for table in webpage.tables(summary)] == [[["samples", "1"]]]
    # a calibration counts its trials without a distance
    assert webpage.warnings({"failed": 3}) == []
    assert ["failed", "3"] in next(webpage.tables({"failed": 3})).rows


def test_tables_of_tables_are_shown_once():
    at = {"0.1": {"correlation": {"r": 0.5, "error": 0.03, "p": 0.01, "n": 8}}}
    told = list(webpage.tables({"predictors": {"density": at}, "seconds": {"shear": 12.5}}))
    assert [table.title for table in told] == ["Seconds", "What tells, at rest, where the glass will shear"]
    assert told[1].rows == [["density", "0.1", "0.500 ± 0.030", "0.01"]]


def test_numbers_of_a_glass_have_the_units_that_it_tells():
    (single,) = webpage.tables({"peak_stress": 1.5, "stress_unit": "GPa", "mu_error_GPa": 0.25})
    assert single.rows == [["peak stress (GPa)", "1.5"], ["μ error (GPa)", "0.25"]]
    means = {"peak_stress": {"mean": 1.5, "error": 0.25, "n": 3}}
    assert [table.rows for table in webpage.tables({"means": means, "stress_unit": "GPa"})] == [
        [["peak stress (GPa)", "1.50 ± 0.25", "3"]]
    ]
    # of a field at the last frame, whose numbers do not have it
    assert next(webpage.tables({"stress_unit": "GPa"})).rows == [["stress unit", "GPa"]]


def test_versions_of_a_problem_are_no_row(folder):
    (folder / "solution.json").write_text('{"nodes": 3, "versions": {"numpy": "2.3"}, "notes": []}')
    (solved,) = webpage._problem(folder)
    assert solved.rows == [["nodes", "3"]]


def test_other_pages_and_folders_stay(folder, tmp_path):
    (folder / "index.html").write_text("<!DOCTYPE html>mine")
    with pytest.raises(InputError, match="did not write it"):
        webpage.write(folder)
    webpage.present(folder)
    assert (folder / "index.html").read_text() == "<!DOCTYPE html>mine"
    webpage.present(tmp_path / "nowhere")  # at the end of a command that failed before there was a folder
    (tmp_path / "plain").mkdir()
    webpage.present(tmp_path / "plain")
    assert list((tmp_path / "plain").iterdir()) == []


def many_numbers(folder):
    """What an ensemble tells, whose tables are wide."""
    pair = {"r": 0.4567, "error": 0.0321, "p": 1e-5, "n": 8}
    at = {"correlation": pair, "band_rank": {"mean": 0.2, "p": 0.03}}
    at |= {"log_likelihood_gain": -0.0123, "log_likelihood_gain_error": 0.0045}
    strains = ("0.05", "0.1", "0.2")
    summary = json.loads((folder / "summary.json").read_text())
    summary |= {
        "predictors": {name: dict.fromkeys(strains, at) for name in ("energy_mean_composition", "density")},
        "strain_field_correlation_left_out": dict.fromkeys(strains, pair),
        "failed": {"2023": "3 of 8064 atoms lost at step 100"},
    }
    (folder / "summary.json").write_text(json.dumps(summary))


@pytest.mark.slow
@pytest.mark.skipif(not browser.THERE, reason="no Chromium on this machine: pip install PyQt6-WebEngine")
@pytest.mark.parametrize("width", [360, 390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it(folder, width, scheme):
    """No wider than the screen, on a phone's width too, and dark where the person wants it dark."""
    many_numbers(folder)
    expression = """({
      wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
      width: window.innerWidth,
      shown: [...document.images].every(image => image.complete && image.naturalWidth > 0),
      images: document.images.length,
      paper: getComputedStyle(document.body).backgroundColor,
    })"""
    seen = browser.asked(webpage.write(folder), width, scheme, expression)
    assert seen["width"] == width and seen["images"] > 0
    assert not seen["wide"] and seen["shown"]
    assert seen["paper"] == ("rgb(21, 24, 28)" if scheme == "dark" else "rgb(255, 255, 255)")

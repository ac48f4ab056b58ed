"""The input of ``mdbridge shear``: one source of χ, one of its steady state."""

from pathlib import Path

import pytest

from mdbridge.campaigns.shear.input import ShearInput
from mdbridge.core.config import check, load
from mdbridge.core.errors import InputError

INPUTS = Path(__file__).parents[2] / "inputs"
FILE = {"file": "pe.0", "beta_per_eV": 8.0, "E0_eV": -3.4}
UNIFORM = {"formula": "uniform", "chi": 0.07}


def made(initial, **sections):
    material = {"s_y_GPa": 1.0, "c0": 0.5, "chi_inf": 0.13} | sections.pop("material", {})
    material = {name: value for name, value in material.items() if value is not None}
    return check({"campaign": "shear", "material": material, "initial": initial} | sections, ShearInput, "a")


@pytest.mark.parametrize("path", sorted(INPUTS.glob("stz*.toml")), ids=lambda path: path.name)
def test_the_inputs_that_ship_are_valid(path):
    load(path, ShearInput)


def test_defaults_are_those_of_the_paper_s_table_1():
    material = made(UNIFORM).material
    assert (material.mu_GPa, material.K_GPa, material.eps0) == (20.0, 66.23, 44.53)
    assert (material.tau0_ps, material.l_chi_A, material.e_z_K) == (0.1, 25.59, 21000.0)


@pytest.mark.parametrize(
    ("initial", "sections", "words"),
    [
        ({}, {}, r"either 'file' or 'formula' \(uniform, bump, random\)"),
        (FILE | UNIFORM, {}, r"either 'file' or 'formula'"),
        ({"file": "pe.0", "beta_per_eV": 8.0}, {}, r"'file' needs E0_eV"),
        ({"formula": "bump", "chi": 0.1, "amplitude": 0.1}, {}, r"formula 'bump' needs width_A"),
        (
            {"formula": "random", "chi": 0.1, "amplitude": 0.1, "width_A": 9.0},
            {},
            r"formula 'random' needs seed",
        ),
        (UNIFORM | {"final_file": "pe.1"}, {"material": {"chi_inf": None}}, r"'final_file' goes with 'file'"),
        (FILE | {"final_file": "pe.1"}, {}, r"either 'material\.chi_inf' or 'initial\.final_file'"),
        (FILE, {"material": {"chi_inf": None}}, r"either 'material\.chi_inf' or 'initial\.final_file'"),
        (UNIFORM, {"grid": {"nx": 3}}, r"'grid\.nx' = 3"),
        (UNIFORM, {"material": {"l_chi_A": -1.0}}, r"'material\.l_chi_A' = -1"),
        (UNIFORM, {"scheme": {"diffusion": "none"}}, r"'scheme\.diffusion' = 'none'"),
        (UNIFORM, {"shear": {"frame": "biaxial"}}, r"'shear\.frame' = 'biaxial'"),
        (UNIFORM, {"shear": {"frames": 0}}, r"'shear\.frames' = 0"),
        (UNIFORM, {"loading": {"strains": []}}, r"'loading\.strains'"),
        (UNIFORM, {"loading": {"strains": [0.1, 0.1]}}, r"strains\[1\] = 0\.1: must differ from 0\.1"),
        (UNIFORM, {"loading": {"strains": [0.1], "rates_per_s": [-1.0]}}, r"'loading\.rates_per_s\.0' = -1"),
        (UNIFORM, {"loading": {"strains": [0.1], "rates_per_s": []}}, r"rates_per_s has 0 values"),
        (
            UNIFORM,
            {"loading": {"strains": [0.1]}, "shear": {"max_strain": 0.5}},
            r"'shear\.max_strain' and 'loading\.strains'",
        ),
    ],
)
def test_what_does_not_fit_is_refused(initial, sections, words):
    with pytest.raises(InputError, match=words):
        made(initial, **sections)


@pytest.mark.parametrize(
    ("initial", "material"),
    [(FILE, {}), (FILE | {"final_file": "pe.1"}, {"chi_inf": None}), (UNIFORM, {"l_chi_A": 0.0})],
)
def test_what_fits_is_taken(initial, material):
    made(initial, material=material)

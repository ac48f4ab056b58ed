"""The validation case against the published solver's fields, made with 96,000 steps."""

import os
from pathlib import Path

import numpy as np
import pytest

from mdbridge.stz import paperfiles
from mdbridge.stz.forwardrun import Case, forward
from mdbridge.stz.ratelaw import Material, effective_temperature

DATA = Path(os.environ.get("MDBRIDGE_SHARED_DATA", Path(__file__).parents[2] / "../shared/data"))
REFERENCE, START = DATA / "stz_reference" / "T1.npz", DATA / "cuzr_md" / "pe.MD.0"

pytestmark = pytest.mark.skipif(
    not (REFERENCE.exists() and START.exists()),
    reason="no reference data: set MDBRIDGE_SHARED_DATA to the folder that holds stz_reference and cuzr_md",
)


@pytest.fixture(scope="module")
def reference():
    return np.load(REFERENCE)


@pytest.fixture(scope="module")
def case(reference):
    chi = effective_temperature(
        paperfiles.read_field(START), float(reference["beta"]), float(reference["E0"])
    )
    material = Material(
        s_y=float(reference["s_y"]), c0=float(reference["c0"]), chi_inf=float(reference["chi_inf"])
    )
    return Case(material, chi)


def test_default_settings_meet_the_reference(case, reference):
    result = forward(case)
    stress = np.abs(result.dev_stress - reference["dev"]).max() / reference["dev"].max()
    assert result.gamma == pytest.approx(reference["gamma"], abs=1e-12)
    assert stress < 0.0003
    for k, frame in enumerate(reference["frames"]):
        chi = reference["chi_T"][k] / case.material.e_z
        assert np.linalg.norm(result.chi[frame] - chi) < 0.0015 * np.linalg.norm(chi), frame
        exy = reference["Exy"][k]
        assert np.linalg.norm(result.exy[frame] - exy) < 0.004 * np.linalg.norm(exy), frame

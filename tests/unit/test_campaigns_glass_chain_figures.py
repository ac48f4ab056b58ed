"""The calibrated model beside the MD: fields at the published strains on one scale, and both curves."""

import numpy as np
import pytest

from mdbridge.campaigns.glass import chain_figures
from mdbridge.campaigns.glass.analysis import at_centres
from mdbridge.campaigns.glass.formats import CHAIN
from mdbridge.core import store
from mdbridge.fields import shifts
from mdbridge.fields.storage import PLANE, put_plane

STRAINS = [0.05, 0.09, 0.18, 0.25, 0.5]
GAMMA = np.array([0.1, 0.2, 0.5])
FIELD = np.arange(30.0).reshape(5, 6) + 100 * np.arange(5)[:, None, None]
ENERGY = -5.0 + 1e-3 * FIELD[0]
VALUES = {
    "md": {"Exy": FIELD, "T_eff": 600 + FIELD, "shear_stress": np.array([1.0, 1.5, 1.25])},
    "model": {"Exy": 2 * FIELD - 3, "T_eff": 590 + FIELD, "shear_stress": np.array([0.9, 1.6, 1.3])},
}


@pytest.fixture(scope="module")
def shown(drawn_once, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    with store.writing(folder / "chain.h5", CHAIN, "key") as file:
        file.dimension("strain", STRAINS, "1", "net strain of the fields")
        file.dimension("gamma", GAMMA, "1", "net strain of the frames")
        put_plane(file, (60.0, 25.0), (5, 6), "angstrom")
        file.attributes(box_A=[60.0, 25.0])
        for source, values in VALUES.items():
            group = file.group(source)
            group.put("Exy", values["Exy"], ("strain", *PLANE["corner"]), "1", "strain")
            group.put("T_eff", values["T_eff"], ("strain", *PLANE["cell"]), "K", "temperature")
            group.put("shear_stress", values["shear_stress"], ("gamma",), "GPa", "stress")
            if source == "md":
                group.put("energy_at_rest", ENERGY, PLANE["cell"], "eV", "energy")
    chain_figures.draw(folder / "chain.h5", folder)
    assert set(drawn_once) == {"chain_temperature", "chain_strain", "chain_stress", "chain_bands"}
    return drawn_once


@pytest.mark.parametrize(
    ("figure", "name", "frames", "title"),
    [
        ("chain_temperature", "T_eff", [1, 4], "effective temperature (K)"),  # of 0.09 … 0.50
        ("chain_strain", "Exy", [2, 3, 4], "shear strain $E_{xy}$"),  # of 0.18 … 0.50
    ],
)
def test_fields_are_those_of_the_published_strains_md_above_model(shown, figure, name, frames, title):
    panels = np.reshape(shown[figure].axes[: 2 * len(frames)], (2, len(frames)))
    for column, k in zip(panels.T, frames, strict=True):
        md, model = (panel.images[0] for panel in column)
        np.testing.assert_array_equal(md.get_array(), VALUES["md"][name][k])
        np.testing.assert_array_equal(model.get_array(), VALUES["model"][name][k])
        both = np.stack([values[name][k] for values in VALUES.values()])
        assert md.get_clim() == model.get_clim() == (both.min(), both.max())
        assert md.get_extent() == [0, 60, 0, 25] and md.origin == model.origin == "lower"
        assert column[0].get_title() == f"$\\gamma$ = {STRAINS[k]:.2f}"
        assert column[1].get_xlabel() == "X (Å)"
    assert [panel.get_ylabel() for panel in panels[:, 0]] == ["MD\nY (Å)", "calibrated STZ\nY (Å)"]
    assert shown[figure].get_suptitle() == title


def test_both_curves_are_drawn_over_the_strain_of_the_frames(shown):
    (axes,) = shown["chain_stress"].axes
    curves = {line.get_label(): np.array(line.get_data()) for line in axes.lines}
    for label, source in (("MD", "md"), ("calibrated STZ", "model")):
        assert np.array_equal(curves[label], [GAMMA, VALUES[source]["shear_stress"]])
    assert axes.get_ylabel() == "shear stress $\\sigma_{xy}$ (GPa)" and axes.get_ylim()[0] == 0


def test_the_last_strains_stand_beside_the_energy_at_rest_with_what_their_likeness_is_worth(shown):
    energy, md, model, rows = shown["chain_bands"].axes[:4]
    np.testing.assert_allclose(energy.images[0].get_array(), FIELD[0] - FIELD[0].mean(), atol=1e-9)
    last = {name: at_centres(values["Exy"][-1]) for name, values in VALUES.items()}
    for panel, field in ((md, last["md"]), (model, last["model"])):
        np.testing.assert_allclose(panel.images[0].get_array(), field)
    assert md.images[0].get_clim() == model.images[0].get_clim()
    # equal but for a factor: as alike as can be, and of 30 shifts no other one is
    assert rows.get_title() == "calibrated STZ and MD\nr = 1.00, p = 0.033"
    worth = shifts.correlation(FIELD[0], last["md"])
    assert md.get_title().endswith(f"with the energy:\nr = {worth.r:.2f}, p = {worth.p:.2g}")
    heights = 2.5 + 5.0 * np.arange(5)
    for line, field in zip(rows.lines, (FIELD[0], *last.values()), strict=True):
        means = field.mean(axis=1)
        np.testing.assert_allclose(line.get_ydata(), heights)
        np.testing.assert_allclose(line.get_xdata(), (means - means.mean()) / means.std(), atol=1e-9)

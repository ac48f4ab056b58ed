"""Made-up results of a campaign: samples of a known model, and solutions that are 10 % too large."""

import numpy as np

from mdbridge.campaigns.peridynamics.problems import Solved
from mdbridge.campaigns.peridynamics.published import TABLE_4
from mdbridge.campaigns.peridynamics.results import Results
from mdbridge.fields.fieldset import FieldSet
from mdbridge.fields.grid import NodeGrid
from mdbridge.lps import stencil, symbol
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.learn import spectral
from mdbridge.lps.material import LinearPeridynamicSolid
from mdbridge.md import loads

HORIZON = 13.0
MODEL = LinearPeridynamicSolid(
    Bernstein(HORIZON, np.array([1.0, 2.0]), (0.5,)), -0.2, 0.7, quadrature="published"
)
GRID = NodeGrid.periodic_cells((61.0, 68.0), 5.0)
LAMBDA, MU = -0.21, 0.74  # of the made-up MD


def answered(grid, forces):
    """Displacements under ``forces`` ``(s, n, 2)`` (TPa/Å), as MODEL has them."""
    samples = spectral.transform(forces, forces, grid.shape, grid.box)
    rings = symbol.rings(stencil.uniform(grid.spacing, HORIZON, "published"), samples.wavevectors)
    inverse = np.linalg.inv(symbol.operator(MODEL, rings))
    spectrum = np.zeros((len(forces), grid.shape[0] * grid.shape[1], 2), dtype=complex)
    spectrum[:, 1:] = np.einsum("kij,skj->ski", inverse, samples.b)
    u = np.fft.ifft2(spectrum.reshape(-1, *grid.shape, 2), axes=(1, 2), norm="ortho").real
    return u.reshape(forces.shape)


def field_set(grid, made, names, u, b):
    load = np.array([[*applied.parameters.values(), 1.0, 0.002] for applied in made])
    columns = [*made[0].parameters, "amplitude_eV_per_A", "max_bond_strain"]
    periodic = grid.periodic
    box = grid.box if periodic else np.ptp(grid.points(), axis=0)
    shape = grid.shape if periodic else None
    return FieldSet(grid.points(), u, b, load, columns, names, box, np.array(grid.spacing), shape)


def periodic(made, drift):
    forces = 1e-3 * np.array([load.on(GRID.points()) for load in made])
    return field_set(GRID, made, [load.name for load in made], answered(GRID, forces) + drift, forces)


def results():
    """The MD drifts by (7, -3) Å, which is no displacement; LPS is 10 % too large everywhere."""
    drift = np.array([7.0, -3.0])
    fields = {"train": periodic(loads.training(GRID.box), drift)}
    fields["val"] = periodic(loads.validation(GRID.box), drift)
    disc, disc_loads = NodeGrid.centred(30.0, 5.0), loads.disc(15.0)
    u = np.random.default_rng(0).normal(size=(4, len(disc.points()), 2))
    fields["test"] = field_set(disc, disc_loads, [load.name for load in disc_loads], u, 0 * u)
    solved = {}
    for number, (split, samples) in enumerate(fields.items()):
        inside = (
            np.hypot(*samples.nodes.T) < 15.0 if split == "test" else np.ones(len(samples.nodes), dtype=bool)
        )
        shift = 0.0 if split == "test" else drift
        count = len(samples.u)
        solved[split] = Solved(
            u=1.1 * (samples.u - shift),
            inside=inside,
            E_u=0.1 * (number + 1) + 0.01 * np.arange(count),
            E_res=0.2 * (number + 1) + 0.01 * np.arange(count),
            iterations=np.full(count, 9),
        )
    md = {"C11_TPa": LAMBDA + 2 * MU, "C12_TPa": LAMBDA, "C66_TPa": MU, "bond_A": 1.46}
    errors = ("E_res_train", "E_u_train", "E_res_val", "E_u_val")
    candidates = [
        {"delta_A": 12.5, "M": m, "failure": "no" if m == 1 else "", **{k: 0.1 * m for k in errors}}
        for m in (1, 2, 3)
    ]
    certificate = {
        "spacing": [5.0, 5.0],
        "min_gamma": 0.5,
        "min_inf_sup": 0.1,
        "min_cauchy_schwarz": 0.25,
        "inf_sup_ratio": 0.2,
    }
    model = MODEL.as_dict() | {
        "trace": [3.0, 2.0, 1.0],
        "history": [9.0],
        "method": "least-squares",
        "candidates": candidates,
        "certificate": certificate,
        "versions": {"mdbridge": "0"},
        "input_hash": "abc",
    }
    wall = {"sample": 1.5, "learn": 2.5, "solve": 3.5}
    measured = ("E_res_train", "E_u_train", "E_res_val", "E_u_val", "E_u_test")
    others = {
        name: {key: 0.01 * row + 0.001 * column for column, key in enumerate(measured)}
        for row, name in enumerate(("classical", "gradient", "finite_differences", "lps_inverse_r"), 1)
    }
    return Results(fields, solved, others, md, None, model, MODEL, wall, 0.0, "graphene", TABLE_4["0K"])

"""How often the 95 % intervals of λ, μ, E and ν hold a truth that is known.

    OMP_NUM_THREADS=1 python scripts/coverage_of_error_bars.py [truths] [loads] [noise] [thermal | white]

Each truth is answered by random smooth loads on 12 × 12 nodes; to the displacements comes noise whose size
goes with the wave length, as that of thermal motion does, or is the same in all waves, as that of a camera.
About a second a truth.
"""

import sys

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from mdbridge.campaigns.peridynamics import data_plan, learning
from mdbridge.campaigns.peridynamics.input import Learn
from mdbridge.fields.fieldset import FieldSet
from mdbridge.fields.grid import NodeGrid
from mdbridge.lps import stencil, symbol
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.material import LinearPeridynamicSolid

Array = NDArray[np.float64]

TRUTH = LinearPeridynamicSolid(Bernstein(11.0, np.array([1.0, 0.6, 0.3]), (1.0,)), -0.15, 0.7)
GRID = NodeGrid.periodic_cells((60.0, 60.0), 5.0)
REPLICATES = 40


def samples(random: np.random.Generator, count: int, noise: float, kind: str = "thermal") -> FieldSet:
    """Loads of the truth and its noisy answers."""
    k = symbol.grid_wavevectors(GRID.shape, GRID.box)
    size = np.linalg.norm(k, axis=1)
    long = np.exp(-0.5 * (8.0 * size) ** 2) * (size > 0)
    grid = stencil.uniform(GRID.spacing, TRUTH.influence.horizon, TRUTH.quadrature)
    inverse = np.zeros((len(k), 2, 2))
    inverse[1:] = np.linalg.inv(symbol.operator(TRUTH, symbol.rings(grid, k[1:])))

    def drawn(factors: Array) -> NDArray[np.complex128]:
        values = np.fft.fft2(random.standard_normal((count, *GRID.shape, 2)), axes=(1, 2))
        return np.asarray(values.reshape(count, len(k), 2) * factors[:, None])

    def on_nodes(spectrum: NDArray[np.complex128]) -> Array:
        fields = np.fft.ifft2(spectrum.reshape(count, *GRID.shape, 2), axes=(1, 2)).real
        return np.asarray(fields.reshape(count, len(k), 2))

    loads = drawn(long)
    u = on_nodes(np.einsum("kij,skj->ski", inverse, loads))
    white = (size > 0).astype(float)
    motion = on_nodes(drawn(white if kind == "white" else long / np.where(size > 0, size, 1.0)))
    share = np.linalg.norm(u, axis=(1, 2)) / np.linalg.norm(motion, axis=(1, 2))
    u = u + noise * share[:, None, None] * motion
    names = [str(number) for number in range(count)]
    spacing = np.array(GRID.spacing)
    return FieldSet(
        GRID.points(), u, on_nodes(loads), np.zeros((count, 0)), [], names, GRID.box, spacing, GRID.shape
    )


def main(truths: int = 100, loads: int = 20, noise: float = 0.02, kind: str = "thermal") -> None:
    """Count, and print the counts."""
    known = {
        "lambda_TPa": TRUTH.lame_lambda,
        "mu_TPa": TRUTH.lame_mu,
        "E_TPa": TRUTH.young,
        "nu": TRUTH.poisson,
    }
    # as on a periodic grid of one's own
    settings = Learn(
        starts=1,
        quadrature=TRUTH.quadrature,
        solution_weight=data_plan.WEIGHTS["solution_weight"],
        consistency_weight=data_plan.WEIGHTS["consistency_weight"],
    )
    held = dict.fromkeys(known, 0)
    for number in range(truths):
        fields = {"train": samples(np.random.default_rng(1000 + number), loads, noise, kind)}
        learned = learning.learn_pair(settings, fields, TRUTH.influence.horizon, TRUTH.influence.degree)
        bars = learning.bootstrap(MPI.COMM_SELF, settings, fields, learned, REPLICATES, number)
        for name, value in known.items():
            held[name] += bars[name]["low"] <= value <= bars[name]["high"]
    print(f"of {truths}: {held}")


if __name__ == "__main__":
    truths, loads, noise, kind = [*sys.argv[1:], *("100", "20", "0.02", "thermal")[len(sys.argv) - 1 :]]
    main(int(truths), int(loads), float(noise), kind)

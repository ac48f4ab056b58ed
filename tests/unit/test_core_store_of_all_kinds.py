"""One flipped bit, or a cut, in any file that we write: an error that names it, never another number."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import glass_files
import numpy as np
import pytest

from mdbridge.campaigns.calibrate import results as calibrate_results
from mdbridge.campaigns.glass import analysis, chain, chain_figures
from mdbridge.campaigns.glass.input import Calibrate
from mdbridge.campaigns.peridynamics.formats import DATASET
from mdbridge.campaigns.peridynamics.problems import Solved
from mdbridge.campaigns.peridynamics.results import read_solutions, write_solutions
from mdbridge.campaigns.shear import results as shear_results
from mdbridge.campaigns.shear import stages as shear
from mdbridge.core import arrays, store
from mdbridge.core.errors import FileError
from mdbridge.fields.fieldset import FieldSet
from mdbridge.fields.grid import NodeGrid
from mdbridge.fields.storage import get_fields, put_fields
from mdbridge.stz.energies import read_energy
from mdbridge.stz.forwardrun import forward

INPUTS = Path(__file__).parents[2] / "inputs"
CASES = 20


def dataset(folder):
    grid = NodeGrid.periodic_cells((20.0, 20.0), 4.0)
    values = np.random.default_rng(0).random((2, 3, len(grid.points()), 2))
    fields = FieldSet(
        nodes=grid.points(),
        u=values[0],
        b=values[1],
        load=np.zeros((3, 1)),
        columns=["n"],
        names=["a", "b", "c"],
        box=grid.box,
        spacing=np.array(grid.spacing),
        shape=grid.shape,
    )
    with store.writing(folder / "dataset.h5", DATASET, "key") as file:
        put_fields(file, "train", fields)


def read_dataset(path):
    with store.reading(path, DATASET) as file:
        return vars(get_fields(file, "train"))


def solutions(folder):
    random = np.random.default_rng(1)
    solved = Solved(random.random((2, 5, 2)), np.ones(5, bool), np.ones(2), np.ones(2), np.ones(2, int))
    write_solutions(folder / "solutions.h5", "key", {"train": solved}, 1.0)


def run(folder):
    small = ["grid.nx=8", "grid.ny=8", "shear.max_strain=0.02", "shear.frames=2"]
    _, case = shear.prepare(INPUTS / "stz_bump.toml", small)
    shear_results.write(folder / "run.h5", case, forward(case), True)


def best(folder):
    responses = {
        source: {"field": np.ones((2, 3, 4)), "curve": np.ones(5)} for source in ("reference", "calibrated")
    }
    calibrate_results.write(folder / "best.h5", responses, {"a": 1.0}, 0.5, {}, {})


def glass(folder):
    """glass.h5 and what is made of it: the calibration's input and chain.h5; and the frames."""
    path = glass_files.stored(folder, 21)
    chosen = Calibrate(strains=[0.05, 0.5], E0_below_eV=[0.01, 0.05])
    chain._prepare(chosen, path, folder)
    md = chain._read(chosen, path)
    both = {"Exy": md["exy"][[2, 20]], "T_eff": md["energy"][[2, 20]], "shear_stress": md["stress"]}
    chain._write_chain(folder / "chain.h5", {"c0": 0.3}, [0.05, 0.5], md, {"md": both, "model": both})


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        make: writes it into a folder.
        read: as the program does.
        sealed: whether every change is seen, or only one that changes what is read.
    """

    make: Callable[[Path], Any]
    read: Callable[[Path], Any]
    sealed: bool = True


KINDS = {
    "dataset.h5": Kind(dataset, read_dataset),
    "solutions.h5": Kind(solutions, lambda path: read_solutions(path, {"train": 5})),
    "run.h5": Kind(run, lambda path: vars(shear_results.read(path))),
    "best.h5": Kind(best, calibrate_results.read),
    "glass.h5": Kind(glass, analysis.summarise),
    "chain.h5": Kind(glass, lambda path: chain_figures.draw(path, path.parent)),
    # users may give their own in place of these
    "reference.h5": Kind(glass, arrays.read, sealed=False),
    "energy_first.h5": Kind(glass, lambda path: {"energy": read_energy(path)}, sealed=False),
    "frame-0001.npz": Kind(glass, arrays.load, sealed=False),
}


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    for make in {kind.make for kind in KINDS.values()}:
        make(folder)
    return folder


def damaged(data, random):
    """One flipped bit, or in one case of five a cut."""
    if random.random() < 0.2:
        return data[: random.integers(len(data))]
    changed = bytearray(data)
    changed[random.integers(len(data))] ^= 1 << random.integers(8)
    return bytes(changed)


def equal(first, second):
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("name", KINDS)
def test_no_damage_passes_for_a_number(name, originals, tmp_path):
    kind, whole = KINDS[name], (originals / name).read_bytes()
    random = np.random.default_rng(sorted(KINDS).index(name))
    path = tmp_path / name
    refused = 0
    for _ in range(CASES):
        path.write_bytes(damaged(whole, random))
        try:
            contents = kind.read(path)
        except FileError as error:
            assert str(path) in str(error)
            refused += 1
        else:
            assert not kind.sealed and equal(contents, kind.read(originals / name))
    assert refused == CASES if kind.sealed else refused > CASES // 2


OTHERS = ("dataset.h5", "run.h5", "glass.h5", "frame-0001.npz")


@pytest.mark.parametrize(
    ("name", "other"),
    [(name, other) for name in KINDS for other in OTHERS if KINDS[name].sealed and name != other],
)
def test_one_kind_is_not_taken_for_another(name, other, originals, tmp_path):
    path = tmp_path / name
    path.write_bytes((originals / other).read_bytes())
    with pytest.raises(FileError, match=f"{name}: .*(expected 'mdbridge-|not a readable HDF5)"):
        KINDS[name].read(path)

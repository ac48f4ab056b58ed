"""The smallest inputs of every family of commands, each a folder of its own and a command line."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

import field_runs
import own_data
from small_campaign import SMALL

SHEAR = """
campaign = "shear"
[material]
s_y_GPa = 1.006
c0 = 0.550
chi_inf = 0.132
[grid]
nx = 8
ny = 8
[initial]
formula = "bump"
chi = 0.065
amplitude = 0.01
width_A = 40.0
[shear]
max_strain = 0.02
frames = 2
[output]
vtk = false
animation = false
"""

LINE = '''
"""A model of two parameters; ``FAULT`` is what it does beside."""

import numpy as np


def respond(slope, height):
    {fault}
    x = np.linspace(0.0, 1.0, 8)
    return {{"line": height + slope * x}}
'''

CALIBRATE = """
campaign = "calibrate"
model = "line:respond"
[parameters.slope]
low = 0.0
high = 2.0
truth = 1.2
[parameters.height]
low = -1.0
high = 1.0
truth = 0.3
[reference.parameters]
slope = 1.2
height = 0.3
[[objective]]
term = "l2"
curve = "line"
weight = 1.0
[ego]
initial = 4
explore = 1
evaluations = 5
time_limit_s = 3
"""

SCRIPT = """
units metal
lattice fcc 4.05
region whole prism 0 4 0 4 0 3 0 0 0
create_box 1 whole
create_atoms 1 box
mass 1 27.0
pair_style lj/cut 7.0
pair_coeff * * 0.4 2.5
velocity all create 100.0 4711 loop geom
fix motion all nve
"""

GLASS = """
campaign = "glass"
[md]
script = "my.in"
steps = 40
[observe]
grid = [6, 6]
energy_window = 4.0
strain_window = 4.0
frames = 4
samples = 1
"""


BODY = """
[domain]
outline = [[0, 0], [70, 0], [70, 70], [0, 70]]
[[boundary]]
edge = "left"
displacement = [0, 0]
[[boundary]]
edge = "right"
traction = [1e-3, 0]
[output]
vtk = false
figures = false
"""


@dataclass(frozen=True)
class Case:
    """A command line that works in ``folder``, whose results are in ``folder/out``."""

    folder: Path
    arguments: list[object]

    @property
    def out(self) -> Path:
        """The folder of results."""
        return self.folder / "out"


def _case(folder: Path, verb: str, texts: dict[str, str], *options: object) -> Case:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return Case(folder, [verb, "in.toml", "--out", "out", *options])


def shear(folder: Path, more: str = "") -> Case:
    """The STZ model, a moment long."""
    return _case(folder, "shear", {"in.toml": SHEAR + more})


def calibrate(folder: Path, fault: str = "pass", text: str = CALIBRATE) -> Case:
    """A calibration of a line; ``fault`` is a statement of its model."""
    return _case(folder, "calibrate", {"in.toml": text, "line.py": LINE.format(fault=fault)})


def observe(folder: Path, script: str = field_runs.SCRIPT + field_runs.PULLED, **changes: object) -> Case:
    """Fields of a small Lennard-Jones crystal."""
    path = field_runs.write(folder, script, **changes)
    path.rename(folder / "in.toml")
    return Case(folder, ["observe", "in.toml", "--out", "out"])


def glass(folder: Path, script: str = SCRIPT, text: str = GLASS) -> Case:
    """The observers of a glass on a script of one's own."""
    return _case(folder, "sample", {"in.toml": text, "my.in": script})


def learn(folder: Path) -> Case:
    """A model of displacements and loads of one's own."""
    own_data.write(folder, own_data.periodic(shape=(12, 12), samples=6))
    return Case(folder, ["learn", "in.toml", "--out", "out"])


def graphene(folder: Path) -> Case:
    """Samples of a crystal."""
    return _case(folder, "sample", {"in.toml": SMALL})


FAMILIES: dict[str, Callable[[Path], Case]] = {
    "shear": shear,
    "calibrate": calibrate,
    "observe": observe,
    "glass": glass,
    "learn": learn,
    "graphene": graphene,
}

"""Small campaigns of every kind, with keys that are not the defaults, whose results are kept."""

from collections.abc import Callable
from pathlib import Path

import field_runs
import numpy as np
import own_data

CRYSTAL = """
campaign = "graphene"
[md]
cells = [21, 12]
disc_radius_A = 34.0
disc_inner_A = 12.0
max_bond_strain = 0.003
force_tolerance = 1e-6
[coarse]
kernel = "paraboloid"
radius_A = 9.0
[loads]
waves = {waves}
two_sided = {two_sided}
"""

COLD = """
[dynamics]
duration_ps = 0.02
filter_weight = 0.02
damping_ps = 0.1
temperature_K = 200.0
seed = 7
[learn]
horizons_A = [12.0, 13.0]
degrees = [2, 4]
starts = 2
baseline_horizon_A = 12.0
[sweep]
horizons_A = [12.0, 13.0]
degrees = [0, 3]
[wave]
wavelength_A = 17.0
packet_width_A = 18.0
path_A = 8.0
pulse_ps = 0.02
pulse_width_A = 6.0
"""

WARM = """
[dynamics]
enabled = false
[thermal]
temperature_K = 200.0
duration_ps = 0.02
disc_duration_ps = 0.03
damping_ps = 0.04
published_filter = 0.1
filter = 0.02
load_factors = [1.0]
elastic_seeds = 2
elastic_ps = 0.03
seed = 5
[learn]
horizons_A = [12.0]
degrees = [3]
kernel = "b-spline"
long_waves = "exact"
own_dilatation = true
starts = 2
seed = 4
"""

BODY = """
[domain]
outline = [[0, 0], [70, 0], [70, 50], [0, 50]]
holes = [{{ centre = [35, 25], radius = 8 }}]
spacing = {spacing}
[[boundary]]
edge = "left"
displacement = [0, "free"]
[[boundary]]
where = "x < 1 and y < 1"
displacement = [0, 0]
[[boundary]]
edge = "right"
traction = ["1e-3 * (1 + y / 50)", 0]
[load]
body = [0, "-1e-5"]
"""

OWN = """
campaign = "peridynamics"
[data]
file = {files}
length_unit = "nm"
modulus_unit = "GPa"
thickness = 0.5
load_per = "{per}"
[learn]
{learn}
starts = 2
folds = 3
replicates = 4
[sweep]
degrees = [1, 2]
"""

ATOMS = """
campaign = "glass"
[md]
cells = [6, 7, 3]
melt_K = 4000.0
melt_ps = 1.5
liquid_ps = 0.2
quench_rate_K_per_s = 1e15
relax_ps = 0.2
modulus_ps = 0.2
modulus_strain = 0.01
seed = 11
[shear]
rate_per_ps = 0.2
max_strain = 0.2
[observe]
grid = [6, 7]
energy_window = 4.0
strain_window = 4.5
cutoff = 2.5
frames = 4
samples = 2
sample_every = 5
curve_points = 5
[observe.extra]
dx = "x"
[glass]
predictors = ["nonaffinity"]
[output]
paper_format = true
trajectory = true
[checkpoint]
every_frames = 5
every_steps = 500
"""

CHAIN = """
[ensemble]
seeds = 2
[calibrate]
predictor = "density"
strains = [0.05, 0.1, 0.2]
diffusion = "paper"
[calibrate.ego]
initial = 4
explore = 1
evaluations = 5
"""

SHEARS = {
    "loading": """
campaign = "shear"
[material]
s_y_GPa = 1.1
c0 = 0.4
chi_inf = 0.14
mu_GPa = 25.0
l_chi_A = 20.0
[grid]
nx = 8
ny = 6
ly_A = 300.0
[initial]
formula = "bump"
chi = 0.07
amplitude = 0.02
width_A = 50.0
stress_GPa = 0.05
[shear]
rate_per_s = 2e8
frames = 4
fields_every = 2
[loading]
strains = [0.2, 0.1]
rates_per_s = [1e8, 3e8]
[output]
vtk = true
animation = true
""",
    "clamped": """
campaign = "shear"
[material]
s_y_GPa = 0.9
c0 = 0.6
chi_inf = 0.12
[grid]
nx = 6
ny = 8
boundary = "clamped"
[initial]
formula = "random"
chi = 0.08
amplitude = 0.01
width_A = 100.0
seed = 3
[shear]
max_strain = 0.15
frames = 3
[scheme]
diffusion = "paper"
projection = "petsc"
tolerance = 1e-3
""",
}

LINE = '''
"""A line and a field of four parameters, one of them a choice."""

import numpy as np


def respond(slope, height, bend, kind, points=12):
    if slope > 1.9:
        raise ValueError("too steep")
    x = np.linspace(0.0, 1.0, points)
    line = height + slope * x + bend * x**2 * (1.0 if kind == "plain" else 1.2)
    y, z = np.meshgrid(x, x)
    return {"line": line, "x": x, "field": np.array([np.sin(3 * y * slope + z), np.cos(z * height + y)])}
'''

SEARCH = """
campaign = "calibrate"
model = "line:respond"
constraints = ["height < slope"]
[parameters.slope]
low = 0.2
high = 2.0
truth = 1.2
unit = "m"
[parameters.height]
low = 0.05
high = 1.0
distribution = "loguniform"
truth = 0.3
[parameters.bend]
low = -1.0
high = 1.0
distribution = "normal"
mean = 0.1
deviation = 0.5
[parameters.kind]
values = ["plain", "curled"]
[reference]
file = "measured.csv"
[[objective]]
term = "l2"
curve = "line"
abscissa = "x"
sigma = "error"
{discrepancy}
[ego]
initial = 10
explore = 2
evaluations = {evaluations}
seed = 3
{more}
"""

FIELD = """
campaign = "calibrate"
model = "line:respond"
[parameters.slope]
low = 0.2
high = 2.0
[parameters.height]
value = 0.3
[parameters.bend]
low = -1
high = 2
integer = true
[parameters.kind]
values = ["plain", "curled"]
[reference.parameters]
slope = 1.2
height = 0.3
bend = 1
kind = "plain"
[[objective]]
term = "grassmann"
field = "field"
weight = 0.4
rank = 1
[[objective]]
term = "l1"
curve = "line"
weight = 0.6
[ego]
initial = 6
explore = 2
evaluations = 8
scheme = "ego"
design = "sobol"
[study]
schemes = ["ego", "ego+refine"]
[uncertainty]
method = "norms"
[output]
compare = { slope = 1.0, height = 0.3, bend = 0, kind = "plain" }
"""


SMOOTH = 'discrepancy = "smooth"'
HALTON = 'design = "halton"'


def measured(folder: Path) -> None:
    """A curve with noise, errors of its own and a gap."""
    x = np.linspace(0.0, 1.0, 9)
    noise = 0.01 * np.cos(7 * x**2 + 1)
    rows = [f"{a},{0.3 + 1.2 * a + 0.2 * a**2 + e},{0.01 + 0.005 * a}" for a, e in zip(x, noise, strict=True)]
    rows[4] = f"{x[4]},,0.01"
    (folder / "measured.csv").write_text("\n".join(["x (s),line (m),error (m)", *rows]) + "\n")


def _texts(**files: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")

    return write


def _search(text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        _texts(in__toml=text, line__py=LINE)(folder)
        measured(folder)

    return write


def _own(folder: Path) -> None:
    arrays = own_data.periodic(shape=(12, 14), spacing=(5.0, 4.5), samples=8, lam=30.0, mu=40.0)
    arrays["val_u"], arrays["val_b"] = (arrays[name][6:] for name in "ub")
    np.savez(folder / "own.npz", **{**arrays, "u": arrays["u"][:6], "b": arrays["b"][:6]})
    learn = "horizons = [14.0, 16.0]\ndegrees = [2]\nseed = 3\nlong_wave_weight = 1.0"
    (folder / "in.toml").write_text(OWN.format(files='"own.npz"', learn=learn, per="area"))
    (folder / "body.toml").write_text(BODY.format(spacing="[5.0, 4.5]"))


def _scattered(folder: Path) -> None:
    for name, origin, seed in (("a", (0.0, 0.0), 1), ("b", (3.0, -2.0), 2)):
        nodes = own_data.grid((13, 12), (4.0, 4.5), origin)
        nodes += np.random.default_rng(seed).uniform(-0.3, 0.3, nodes.shape)
        u, b = own_data.waves(nodes, (90.0, 80.0), samples=6, seed=seed, lam=30.0, mu=40.0)
        np.savez(folder / f"{name}.npz", nodes=nodes, u=u, b=b)
    learn = 'degrees = [1, 2]\nkernel = "b-spline"\nalso_on = [3.0]'
    (folder / "in.toml").write_text(OWN.format(files='["a.npz", "b.npz"]', learn=learn, per="volume"))


def _fields(script: str, more: str, **keys: object) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        field_runs.write(folder, script, more=more, **keys).rename(folder / "in.toml")

    return write


def _replay(folder: Path) -> None:
    _fields(field_runs.SCRIPT + field_runs.PULLED + DUMPED, "", fields=["density"])(folder)
    (folder / "again.toml").write_text(REPLAY)


MANY = [
    "displacement", "affine_displacement", "density", "number_density", "composition", "velocity",
    "box_velocity", "temperature", "potential_energy", "stress", "deformation_gradient", "strain", "D2min",
]  # fmt: skip
AVERAGED = """
average_over = 3
average_every = 4
group = "heavy"
time_filter = 0.2
[observe.extra]
ke = "c_kinetic"
"""
DUMPED = "dump frames all custom 10 all.lammpstrj id type mass xu yu zu vx vy vz\n"
HARDY = 'stress = "hardy"\ncurve_every = 5'
REPLAY = """
campaign = "fields"
[md]
script = "my.in"
trajectory = "all.lammpstrj"
[grid]
axes = "yz"
cells = [4, 3]
[kernel]
shape = "quartic"
radius = 2.2
[observe]
fields = ["velocity", "strain", "number_density"]
"""

RUN = "run in.toml --out out"
CALIBRATE = "calibrate in.toml --out out"
LEARN = "learn in.toml --out out"

JOBS: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "crystal": (
        _texts(in__toml=CRYSTAL.format(waves=2, two_sided="false") + COLD, body__toml=BODY.format(spacing=5)),
        (RUN, "learn in.toml --sweep --out out", "holdout in.toml --out out", "wave in.toml --out out",
         "solve in.toml --problem body.toml --out out", "export out/model.json --to table --out table.txt",
         "export out/model.json --to peridynamics.jl --out model.jl"),
    ),
    "warm-crystal": (_texts(in__toml=CRYSTAL.format(waves=2, two_sided="true") + WARM), (RUN,)),
    "own-data": (
        _own,
        (LEARN, "learn in.toml --sweep --out out", "solve in.toml --problem body.toml --out out"),
    ),
    "scattered-data": (_scattered, (LEARN,)),
    "glasses": (_texts(in__toml=ATOMS + CHAIN), (RUN,)),
    "fields": (
        _fields(field_runs.SCRIPT + field_runs.SHEARED, AVERAGED, fields=MANY, axes="xz", output=""),
        (RUN,),
    ),
    "fields-in-space": (
        _fields(
            field_runs.SCRIPT + field_runs.PULLED + DUMPED, HARDY, fields=["stress", "density"], axes="xyz",
            cells=[3, 2, 2], shape="gaussian",
        ),
        (RUN,),
    ),
    "replay": (_replay, (RUN, "observe again.toml --out again", "status again", "report again")),
    "search": (_search(SEARCH.format(discrepancy="", evaluations=32, more="")), (CALIBRATE,)),
    "discrepancy": (_search(SEARCH.format(discrepancy=SMOOTH, evaluations=20, more=HALTON)), (CALIBRATE,)),
    "schemes": (_search(FIELD), (CALIBRATE + " --seeds 1",)),
    **{f"shear-{name}": (_texts(in__toml=text), (RUN,)) for name, text in SHEARS.items()},
}  # fmt: skip
"""By name: what makes the files, and the commands."""

ESTIMATED = ("crystal", "own-data", "glasses", "fields", "fields-in-space", "schemes", "shear-loading")
"""Of these it is kept what a run would take."""


def estimated(folder: Path) -> dict[str, str]:
    """Inputs of several kinds, each in a folder of its own; by name the commands that ask what they take."""
    commands = {}
    for name in ESTIMATED:
        (folder / name).mkdir()
        make, (first, *_) = JOBS[name]
        make(folder / name)
        commands[name] = first.replace("in.toml", f"{name}/in.toml") + " --dry-run"
    return commands

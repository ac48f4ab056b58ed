"""What an input takes at least, by its numbers alone: a slip of some zeros is told before anything is made.

The costs are less than what was measured on any machine, so that no run that fits is asked about.
"""

import itertools
import math
from typing import TYPE_CHECKING

from ..core.demand import Demand, count

if TYPE_CHECKING:  # each command needs the input of its own campaign alone
    from .calibrate.input import CalibrateInput, EgoInput
    from .fields.input import FieldsInput
    from .glass.input import GlassInput
    from .graphene_study.input import StudyInput
    from .peridynamics.input import GrapheneInput
    from .shear.input import ShearInput

_DOUBLE = 8.0
_PIECE = 2e3
"""Bytes of a piece of work in the plan: a segment, a task, a trial."""
_STEP_S = 2e-6
"""Seconds of a step of LAMMPS, however few the atoms."""
_ATOM_S = 3e-7
"""Seconds in which a many-body potential advances an atom by a step."""
_ATOM_BYTES = 500.0
"""Of LAMMPS for an atom, neighbours included."""
_FRAME_S = 1e-3
"""Seconds of a frame of fields, a file of its own."""
_CELL_S = 2e-8
"""Seconds of a cell in a step of the STZ model."""
_FIT_S = 1e-3
"""Seconds of a fit of a small model."""


def shear(config: "ShearInput") -> Demand:
    """Of a run of the STZ model, which one rank gathers."""
    grid, section = config.grid, config.shear
    ends = [0.0, section.max_strain] if config.loading is None else [0.0, *config.loading.strains]
    path = math.fsum(abs(end - start) for start, end in itertools.pairwise(ends))
    cells, frames = count(grid.nx, grid.ny), count(section.frames, len(ends) - 1)
    # χ, exy, two velocities and four stresses of each frame that is kept; stages and rates beside them
    fields = count(cells, 8, _DOUBLE, frames / section.fields_every + 1)
    # steps are at most a hundredth of strain long, and end at each frame
    steps = max(frames, path / 0.01)
    return Demand(
        f"grid.nx × grid.ny = {grid.nx} × {grid.ny} cells in {_spell(frames)} frames to a path of {path:g}",
        "lower grid.nx, grid.ny, shear.frames or the strains, or raise shear.fields_every",
        memory=fields + count(cells, 40, _DOUBLE) + count(frames, 10, _DOUBLE),
        disk=fields,
        seconds=count(steps, cells * _CELL_S + 1e-4),
    )


def fields(config: "FieldsInput") -> Demand:
    """Of fields from a script, whose atoms are not known yet, or from a trajectory."""
    md, observe = config.md, config.observe
    nodes = count(*config.grid.cells)
    # of a trajectory the frames are those that it has
    steps = md.steps or 0
    frames = 1.0 if not observe.every else count(steps) / observe.every + 1
    # components of a field: three in the mean of vectors, tensors and numbers
    kept = count(nodes, frames, _DOUBLE, 3 * len(observe.fields) + len(observe.extra))
    return Demand(
        f"grid.cells = {_times(config.grid.cells)} nodes in {_spell(frames)} frames of {steps} steps",
        "lower grid.cells or md.steps, or raise observe.every",
        # all frames come together in one file; sums and weights of one are there many times
        memory=kept + count(nodes, 12, _DOUBLE) + count(frames, _PIECE / config.checkpoint.every_frames),
        disk=count(kept, 3 if config.output.vtk else 2),
        seconds=count(steps, _STEP_S) + count(frames, _FRAME_S),
    )


def glass(config: "GlassInput") -> Demand:
    """Of a glass that is made and sheared, or of a script's."""
    md, observe, nodes = config.md, config.observe, count(*config.observe.grid)
    atoms = 0.0 if md.script is not None else count(2, *md.cells)
    steps, samples = _steps_of_glass(config), count(config.ensemble.seeds)
    # nine fields, some with several components; the frames of a sample come together in one file
    kept = count(nodes, observe.frames + 1, _DOUBLE, 12 + len(observe.extra))
    what = (
        f"'md.script' with {steps:g} steps" if md.script else f"a glass of {atoms:g} atoms, {steps:g} steps"
    )
    seeds = f" for each of {config.ensemble.seeds} seeds" if config.ensemble.seeds > 1 else ""
    search = 0.0 if config.calibrate is None else _search(config.calibrate.ego).memory
    return Demand(
        f"{what}{seeds}, in {observe.frames} frames of {_times(observe.grid)} nodes",
        "lower md.cells, durations, observe.grid or observe.frames, or raise rates",
        memory=kept
        + count(nodes, 20, _DOUBLE)
        + search
        + count(samples, _PIECE)
        + _plan_of_glass(config, steps),
        shared=count(atoms, _ATOM_BYTES),
        disk=count(samples, 2 * kept + 80 * atoms),
        seconds=count(samples, steps, atoms * _ATOM_S + _STEP_S) + count(samples, observe.frames, _FRAME_S),
    )


def _steps_of_glass(config: "GlassInput") -> float:
    """Of melt, quench, relaxation, moduli and shear, or those of a script."""
    md = config.md
    if md.script is not None:
        return count(md.steps or 0)
    quench = (md.liquid_K - md.temperature_K) / (md.quench_rate_K_per_s * 1e-12)
    shearing = config.shear.max_strain / config.shear.rate_per_ps
    held = (md.melt_ps, md.liquid_ps, quench, md.relax_ps, 4 * md.modulus_ps, shearing)
    annealing = config.glass.anneal_steps if config.glass.anneal != "none" else 0
    return count(math.fsum(min(time, 1e90) for time in held), 1 / md.timestep_ps) + count(annealing)


def _plan_of_glass(config: "GlassInput", steps: float) -> float:
    pieces = (
        steps / config.checkpoint.every_steps + count(config.observe.frames) / config.checkpoint.every_frames
    )
    return count(pieces, _PIECE)


def graphene(config: "GrapheneInput") -> Demand:
    """Of the samples of a planar crystal; a rank relaxes a load, or runs it."""
    md, planar = config.md, config.md.planar
    lattice = planar.lattice_guess
    edges = planar.box((1, 1), lattice)
    per_area = len(planar.basis) / float(edges[0] * edges[1])
    sheet = count(len(planar.basis), *md.cells)
    disc = count(math.pi, md.disc_radius_A, md.disc_radius_A, per_area)
    # two for each pair of wave numbers, and those along the axes: 70 for the paper's 5
    loads = count(2 * config.loads.waves + 4, config.loads.waves)
    fine = max(1.0, config.coarse.spacing_A / config.coarse.fine_spacing_A)
    area = max(sheet / per_area, count(4, md.disc_radius_A, md.disc_radius_A))
    # u and b, two components of each, on the coarse and the fine nodes
    kept = count(area, 1 / config.coarse.spacing_A, 1 / config.coarse.spacing_A, 1 + fine * fine)
    kept = count(kept, loads, 4, _DOUBLE)
    # no relaxation is over within fifty steps
    steps = count(loads, 50, sheet)
    if config.thermal is not None:
        thermal = config.thermal
        runs = count(loads, len(thermal.load_factors), thermal.duration_ps, sheet)
        runs += count(thermal.disc_duration_ps, disc) + count(
            thermal.elastic_seeds, thermal.elastic_ps, sheet
        )
        steps = count(runs, 1 / planar.timestep)
    elif config.dynamics.enabled:
        steps += count(config.dynamics.duration_ps, 1 / planar.timestep, sheet)
    return Demand(
        f"{sheet:g} atoms of the sheet and {disc:g} of the disc under {loads:g} loads",
        "lower md.cells, md.disc_radius_A, loads.waves or durations, or raise coarse.spacing_A and "
        "coarse.fine_spacing_A",
        memory=kept + count(max(sheet, disc), _ATOM_BYTES / config.parallel.ranks_per_sample),
        disk=2 * kept,
        seconds=count(steps, _ATOM_S),
    )


def wave(config: "GrapheneInput") -> Demand:
    """Of the waves in time: no wave of a crystal is faster than 1,000 Å/ps."""
    planar = config.md.planar
    time = max(config.wave.path_A / 1e3, config.wave.pulse_ps)
    steps = count(time, 1 / planar.timestep)
    return Demand(
        f"wave.path_A = {config.wave.path_A:g} and wave.pulse_ps = {config.wave.pulse_ps:g}",
        "lower them",
        seconds=count(steps, len(planar.basis), *config.md.cells, _ATOM_S),
    )


def study(config: "StudyInput") -> Demand:
    """Of the study's own tables; its campaigns have demands of their own."""
    made = config.manufactured
    nodes = max(count(made.length_A / h, made.length_A / h) for h in made.spacings_A)
    draws = count(config.bootstrap.replicates)
    return Demand(
        f"manufactured solutions on {nodes:g} nodes and {draws:g} replicates",
        "lower bootstrap.replicates, or raise manufactured.spacings_A",
        # measured of bodies of one's own: 3.6 kB a node; these have no boundary
        memory=count(nodes, 1e3) + count(draws, _PIECE),
        seconds=count(draws, _FIT_S),
    )


def calibrate(config: "CalibrateInput", seeds: int = 1) -> Demand:
    """Of a search; what a run of the model takes is not known."""
    search = _search(config.ego)
    limit = config.ego.time_limit_s
    return Demand(
        search.what + (f" for each of {seeds} seeds" if seeds > 1 else ""),
        search.remedy,
        memory=search.memory + count(seeds, _PIECE),
        disk=count(seeds, search.disk),
        # a limit of a microsecond is no time that a model takes
        seconds=count(seeds, search.seconds) if limit is None or limit > 1e-3 else 0.0,
    )


def _search(ego: "EgoInput") -> Demand:
    trials = count(ego.evaluations)
    # the start design has no surrogate; from there on one is fitted whenever trials come in
    after = max(0.0, trials - count(ego.initial))
    drawn = count(ego.samples) if ego.scheme == "published" else 0.0
    return Demand(
        f"ego.evaluations = {ego.evaluations} with ego.initial = {ego.initial}, ego.samples = {ego.samples}",
        "lower them",
        # the covariance of all trials, its factor and gradients; that of the points drawn with the trials
        memory=(3 * count(trials, trials, _DOUBLE) if after else 0.0)
        + count(trials, _PIECE)
        + count(drawn, min(trials, 1e3), _DOUBLE),
        disk=count(trials, 200),
        # n³/3 operations of 1e10 a second, once for each trial at the least
        seconds=count(trials, trials, trials, after / max(1, ego.batch), 1e-11 / 12) + count(trials, 1e-4),
    )


def _times(numbers: list[int]) -> str:
    return " × ".join(_spell(number) for number in numbers)


def _spell(number: float) -> str:
    """A number of an input: whole as it was given, unless it has more digits than anybody reads."""
    return f"{count(number):.12g}"

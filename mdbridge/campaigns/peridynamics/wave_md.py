"""Waves in LAMMPS, averaged in space while they run: packets along x in a strip, and a pulse in a sheet.

The crystal is at rest at 0 K but for the wave, and moves freely (no thermostat).  Strip and sheet are whole
copies of the campaign's sheet, so that their nodes are those that the model was learned on.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.units import GRAM_PER_MOL_A3_IN_G_PER_CM3
from ...fields.grid import NodeGrid
from ...md.crystals import PlanarCrystal
from ...md.observe.displacement import SpatialAverage
from ...md.observe.schedule import every
from .input import GrapheneInput
from .sampling import Result, Sampler

Array = NDArray[np.float64]
Field = Callable[[Array], Array]

TRANSVERSE, LONGITUDINAL = 0, 1
BRANCHES = {"transverse": TRANSVERSE, "longitudinal": LONGITUDINAL}
"""Packets, by what an isotropic crystal calls them; numbers are those of :class:`...lps.waves.Medium`."""
_FRAMES = 40
# of the crystal's own timestep: Verlet's error in ω is then some 1e-5 for the waves that are averaged
_STEP = 0.5
# widths of the envelope between a packet's middle and the end of the strip
_CLEAR = 4.0


@dataclass(frozen=True)
class Packet:
    """One packet in a strip.

    Attributes:
        length: of the strip (Å), whole copies of the sheet.
        copies: how many.
        k: of the carrier (1/Å), a wave of the strip.
        start: of its middle (Å), the strip being centred on 0.
        duration: (ps), until classical elasticity's packet is a fifth beyond its path.
    """

    length: float
    copies: int
    k: float
    start: float
    duration: float


def packet(config: GrapheneInput, box: Array, speed: float) -> Packet:
    """The packet of a branch whose long waves travel with ``speed`` (Å/ps).

    Raises:
        InputError: the nodes do not carry the wave, or the packet is shorter than it.
    """
    wave = config.wave
    nodes = node_count(config, box)
    spacing = float(box[0]) / nodes[0]
    if wave.wavelength_A <= 2 * spacing:
        raise InputError(
            f"'wave.wavelength_A' = {wave.wavelength_A:g}: must be above two node spacings of "
            f"{spacing:.3g} Å, which carry no shorter wave"
        )
    if wave.packet_width_A < wave.wavelength_A:
        raise InputError(
            f"'wave.packet_width_A' = {wave.packet_width_A:g}: must be at least 'wave.wavelength_A' = "
            f"{wave.wavelength_A:g}; a shorter packet has no wave length of its own"
        )
    copies = int(np.ceil((wave.path_A + 2 * _CLEAR * wave.packet_width_A) / box[0]))
    length = copies * float(box[0])
    k = 2 * np.pi * round(length / wave.wavelength_A) / length
    return Packet(length, copies, k, -0.5 * length + _CLEAR * wave.packet_width_A, 1.2 * wave.path_A / speed)


def node_count(config: GrapheneInput, box: Array) -> tuple[int, int]:
    """Nodes of the sheet along x and y."""
    return NodeGrid.periodic_cells((float(box[0]), float(box[1])), config.coarse.spacing_A).shape


def density(planar: PlanarCrystal, lattice: float) -> float:
    """Mass over volume (g/cm³) of a layer as thick as its stresses are taken for."""
    cell = planar.box((1, 1), lattice)
    mass = sum(planar.masses[kind - 1] for kind, _, _ in planar.basis)
    return float(mass / (cell.prod() * planar.thickness) * GRAM_PER_MOL_A3_IN_G_PER_CM3)


def run_packet(sampler: Sampler, branch: int, speed: float) -> Result:
    """A packet that travels along x, started as one of classical elasticity with ``speed`` (Å/ps)."""
    config, lattice = sampler.config, sampler.lattice
    box = sampler.planar.box(config.md.cells, lattice)
    made = packet(config, box, speed)
    # nothing happens across: wide enough that no average meets itself
    edge = float(sampler.planar.box((1, 1), lattice)[1])
    across = max(4, int(np.ceil(2.2 * config.coarse.radius_A / edge)))
    nodes = (made.copies * node_count(config, box)[0], max(1, round(across * edge / config.coarse.spacing_A)))
    direction = np.array([1.0, 0.0]) if branch == LONGITUDINAL else np.array([0.0, 1.0])
    width, amplitude = config.wave.packet_width_A, config.wave.amplitude_A

    def displacement(x: Array) -> Array:
        along = x[:, 0] - made.start
        wave = np.exp(-0.5 * (along / width) ** 2) * np.cos(made.k * along)
        return amplitude * wave[:, None] * direction

    def velocity(x: Array) -> Array:
        # −c ∂u/∂x: one way alone
        along = x[:, 0] - made.start
        slope = along / width**2 * np.cos(made.k * along) + made.k * np.sin(made.k * along)
        return amplitude * speed * (np.exp(-0.5 * (along / width) ** 2) * slope)[:, None] * direction

    cells = (made.copies * config.md.cells[0], across)
    result = _run(sampler, cells, nodes, displacement, velocity, made.duration)
    # one line of nodes: nothing depends on y
    result["u"] = result["u"].mean(axis=2)
    return result


def run_pulse(sampler: Sampler) -> Result:
    """A disc that is displaced along x, in a sheet of two by two copies, let go at rest."""
    config = sampler.config
    box = sampler.planar.box(config.md.cells, sampler.lattice)
    nodes = node_count(config, box)
    wave = config.wave

    def displacement(x: Array) -> Array:
        bump = np.exp(-0.5 * (x**2).sum(axis=1) / wave.pulse_width_A**2)
        return wave.amplitude_A * bump[:, None] * np.array([1.0, 0.0])

    cells = (2 * config.md.cells[0], 2 * config.md.cells[1])
    return _run(sampler, cells, (2 * nodes[0], 2 * nodes[1]), displacement, np.zeros_like, wave.pulse_ps)


def _run(
    sampler: Sampler,
    cells: tuple[int, int],
    nodes: tuple[int, int],
    displacement: Field,
    velocity: Field,
    duration: float,
) -> Result:
    """Frames of the averaged displacement ``u`` ``(frames, nx, ny, 2)`` (Å) and their times (ps)."""
    config, planar = sampler.config, sampler.planar
    timestep = _STEP * planar.timestep
    sampler.forces.check_timestep(timestep)
    box = planar.box(cells, sampler.lattice)
    hx, hy = (float(length / count) for length, count in zip(box, nodes, strict=True))
    grid = NodeGrid((0.5 * (hx - float(box[0])), 0.5 * (hy - float(box[1]))), (hx, hy), nodes, True)
    between = max(1, round(duration / timestep / _FRAMES))
    frames, times = [], []
    with planar.sheet(sampler.comm, cells, sampler.lattice) as session:
        reference = session.gather("x", 2, unwrapped=True)
        session.scatter("d2_reference", reference)
        session.scatter("d2_load", np.zeros_like(reference))
        session.scatter("x", reference + displacement(reference), unwrapped=True)
        session.commands(f"timestep {timestep}\nfix motion all nve")
        session.scatter("v", np.hstack([velocity(reference), np.zeros((len(reference), 1))]))
        coarse = config.coarse
        average = SpatialAverage({"": grid}, coarse.radius_A, coarse.kernel, deviations=coarse.deviations)
        session.attach(average, every(between))
        for frame in range(_FRAMES + 1):
            session.run(between if frame else 0)
            # on all ranks; a moving sheet would be an error of its own
            frames.append(average.results[""].u.reshape(*nodes, 2))
            times.append(frame * between * timestep)
            sampler.tick(frame / _FRAMES)
    return {
        "u": np.array(frames),
        "times": np.array(times),
        "density": np.array(density(planar, sampler.lattice)),
    }

"""'mdbridge wave': the learned model in time, ρ ü = b − L u, beside LAMMPS and classical elasticity."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from ...core import demand, parallel, stages, store
from ...core.console import console
from ...core.errors import InputError
from ...core.files import read_json, write_json
from ...core.identity import Identity
from ...core.stages import Product, Stage
from ...core.units import TPA_PER_A2_OVER_G_PER_CM3_IN_PER_PS2 as UNIT
from ...lps.local import GradientElasticity
from ...lps.material import LinearPeridynamicSolid
from .. import demands
from . import sampling, wave_compare, wave_figures, wave_md
from .formats import DATASET
from .sampling import Sampler
from .stages import Campaign, open_campaign

Array = NDArray[np.float64]

_READS = (
    "md.cells",
    "md.bond_guess_A",
    "coarse.kernel",
    "coarse.radius_A",
    "coarse.deviations",
    "coarse.spacing_A",
    "wave.amplitude_A",
)
_PACKET = (*_READS, "wave.wavelength_A", "wave.packet_width_A", "wave.path_A")
_PULSE = (*_READS, "wave.pulse_width_A", "wave.pulse_ps")
_COST = {"packet": 1.0, "pulse": 2.0}
PULSE = "pulse"


def wave(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Sample and learn what is not there yet, run the waves in LAMMPS, and compare (collective)."""
    with open_campaign(comm, source, out, overrides) as campaign:
        if campaign.config.thermal is not None:
            raise InputError(
                f"{source}: 'mdbridge wave' starts from a crystal at rest; give an input without [thermal]"
            )
        demand.require(comm, demands.wave(campaign.config), out)
        stages.make(comm, campaign.workspace, campaign.dataset)
        stages.make(comm, campaign.workspace, campaign.model)
        # packets start with the speed of long waves, which the dataset tells
        speeds = parallel.on_root(comm, lambda: _speeds(campaign))
        runs = _runs(campaign, speeds)
        stages.share(
            comm, campaign.workspace, runs, "waves", lambda group: sampling.sampler(group, campaign.config)
        )
        stages.make(comm, campaign.workspace, _product(campaign, runs))
        parallel.on_root(
            comm, lambda: _show(console(comm), read_json(campaign.out / "wave.json"), campaign.out)
        )


def _speeds(campaign: Campaign) -> dict[str, float]:
    """Speeds (Å/ps) of long waves by branch, from LAMMPS's own constants."""
    constants = _constants(campaign)
    planar = campaign.config.md.planar
    rho = wave_md.density(planar, constants["lattice_A"])
    moduli = {"transverse": constants["C66_TPa"], "longitudinal": constants["C11_TPa"]}
    return {branch: float(np.sqrt(modulus * UNIT / rho)) for branch, modulus in moduli.items()}


def _constants(campaign: Campaign) -> dict[str, float]:
    """LAMMPS's own elastic constants (TPa) and lengths (Å)."""
    path = stages.require(campaign.workspace, campaign.dataset, "mdbridge sample")
    with store.reading(path, DATASET) as file:
        known = file.attributes()
    return {k.removeprefix("md_"): float(v) for k, v in known.items() if k.startswith("md_")}


def _runs(campaign: Campaign, speeds: dict[str, float]) -> Stage[Sampler]:
    """One run of LAMMPS for each packet, and one for the pulse."""
    config = campaign.config
    timestep = config.md.planar.timestep
    runs = []
    for branch, number in wave_md.BRANCHES.items():
        work = partial(wave_md.run_packet, branch=number, speed=speeds[branch])
        # a packet starts with the speed of long waves, which are LAMMPS's own
        made = sampling.task(
            config, branch, _PACKET, _COST["packet"], work, timestep_ps=timestep, speed=speeds[branch]
        )
        runs.append(made)
    pulse = sampling.task(config, PULSE, _PULSE, _COST["pulse"], wave_md.run_pulse, timestep_ps=timestep)
    return Stage("waves", [*runs, pulse], keep="arrays")


def _product(campaign: Campaign, runs: Stage[Sampler]) -> Product:
    after = {task.name: task.identity.key for task in runs.tasks} | {"model": campaign.model.identity.key}
    identity = Identity.of("waves", campaign.config, ("wave",), after=after)
    names = ("wave.json", "wave.png", "wave.gif")
    return Product("wave", identity, names, lambda folder: _compare(campaign, runs, folder))


def _compare(campaign: Campaign, runs: Stage[Sampler], folder: Path) -> None:
    def work() -> None:
        stored = sampling.stored(campaign.workspace, runs)
        model = stages.require(campaign.workspace, campaign.model, "mdbridge learn")
        solid = LinearPeridynamicSolid.from_dict(read_json(model), str(model))
        constants = _constants(campaign)
        models: dict[str, wave_compare.Model] = {
            "learned": solid,
            "classical": GradientElasticity.classical(constants["C12_TPa"], constants["C66_TPa"]),
        }
        box = campaign.config.md.planar.box(campaign.config.md.cells, constants["lattice_A"])
        spacing = box / wave_md.node_count(campaign.config, box)
        settings = campaign.config.wave
        record: dict[str, Any] = {"packets": {}}
        for branch, speed in _speeds(campaign).items():
            made = wave_md.packet(campaign.config, box, speed)
            compared = wave_compare.packets(
                models, stored(branch), branch, spacing, settings.path_A, settings.amplitude_A
            )
            record["packets"][branch] = compared | {"wavelength_A": 2 * np.pi / made.k}
        errors, frames = wave_compare.pulse(models, stored(PULSE), spacing)
        count = len(record["packets"]["longitudinal"]["profiles"]["x_A"])
        index = round(count * spacing[0] / record["packets"]["longitudinal"]["wavelength_A"])
        record |= {
            "path_A": settings.path_A,
            "pulse": errors,
            "checks": wave_compare.checks(solid, count, index, spacing, float(stored(PULSE)["density"])),
        }
        write_json(folder / "wave.json", record)
        wave_figures.draw(record, frames, 2 * box, folder / "wave.png")
        wave_figures.animate(frames, stored(PULSE)["times"], 2 * box, folder / "wave.gif")

    parallel.on_root(campaign.comm, work)


def _show(out: Console, record: dict[str, Any], folder: Path) -> None:
    table = Table(title=f"Packets: group speed (Å/ps), arrival after {record['path_A']:g} Å off the MD's")
    for words in ("", "wave length (Å)", "MD", "learned", "", "classical", ""):
        table.add_column(words, justify="right" if words else "left")
    for branch, packet in record["packets"].items():
        cells = [branch, f"{packet['wavelength_A']:.2f}", f"{packet['md']['speed_A_per_ps']:.1f}"]
        for name in ("learned", "classical"):
            cells += [f"{packet[name]['speed_A_per_ps']:.1f}", f"{packet[name]['arrival_off']:+.2%}"]
        table.add_row(*cells)
    out.print(table)
    pulse, checked = record["pulse"], record["checks"]
    out.print(
        f"pulse after {pulse['times_ps'][-1]:.2f} ps: learned {pulse['learned'][-1]:.2%} off the MD, "
        f"classical {pulse['classical'][-1]:.2%}"
    )
    out.print(
        f"frequency off the symbol's by {checked['frequency_off']:.1e}; energy over "
        f"{checked['energy_steps']} steps by {checked['energy_off']:.1e}"
    )
    out.print(f"wave.json, wave.png and wave.gif are in {folder}")

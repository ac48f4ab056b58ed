"""The glass campaign: prepare -> shear with observers -> glass.h5 -> calibrate -> report.

Every stage leaves files that carry a key, the hash of everything it was made
from; what is there with the right key is not done again.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mpi4py import MPI

from ...core import parallel
from ...core.config import load
from ...core.console import console, progress
from ...core.errors import FileError, InputError, MdbridgeError
from ...core.files import digest, read_json, write_json
from ...fields import fieldset
from ...md import cuzr
from ...md.session import potential
from . import chain as glass_chain
from . import estimate, figures, plan, sampling
from . import results as glass_store
from .input import GlassInput
from .results import GLASS


@dataclass(frozen=True)
class Campaign:
    """A campaign's input, its folder, and the keys of its stages."""

    comm: MPI.Comm
    config: GlassInput
    source: Path
    out: Path
    material: Path
    """The potential's file, or the script."""
    material_hash: str

    @property
    def glass_key(self) -> str:
        return digest(
            "glass 1", self.material_hash, self.config.md.model_dump(), self.config.checkpoint.every_steps
        )

    @property
    def data_key(self) -> str:
        c = self.config
        sections = [c.shear.model_dump(), c.observe.model_dump(), c.checkpoint.every_frames]
        return digest("observed 1", self.glass_key, *sections)

    @property
    def store(self) -> Path:
        return self.out / "glass.h5"

    @property
    def segments(self) -> Path:
        return self.out / "segments"


def sample(
    comm: MPI.Comm,
    source: Path,
    out: Path,
    overrides: Sequence[str],
    dry_run: bool = False,
    paper_format: bool = False,
) -> None:
    """Make the glass, shear it and write glass.h5; or tell what that would take."""
    campaign = _open(comm, source, out, overrides)
    if dry_run:
        estimate.run(comm, campaign.config, campaign.material, campaign.source, campaign.out)
        return
    _sample(campaign)
    if paper_format or campaign.config.output.paper_format:
        folder = campaign.out / "paper_format"
        parallel.on_root(comm, lambda: glass_store.write_paper_files(campaign.store, folder))
        console(comm).print(f"text files in {folder}", soft_wrap=True)


def report(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Draw the figures and write summary.json from the stored results alone."""
    _report(_open(comm, source, out, overrides))


def run(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """All stages: sample, calibrate where the input says so, report."""
    campaign = _open(comm, source, out, overrides)
    _sample(campaign)
    if campaign.config.calibrate is not None:
        glass_chain.calibrate(comm, campaign.config.calibrate, campaign.store, campaign.out)
    _report(campaign)


def _open(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> Campaign:
    def read() -> tuple[GlassInput, Path, str]:
        config = load(source, GlassInput, overrides)
        if config.md.script is None:
            material = potential(config.md.potential)
        else:
            material = source.parent / config.md.script
            if not material.is_file():
                raise InputError(f"{source}: 'md.script' = {config.md.script!r}: there is no file {material}")
        return config, material, hashlib.sha256(material.read_bytes()).hexdigest()

    config, material, found = parallel.on_root(comm, read)
    return Campaign(comm, config, source, out.resolve(), material, found)


def _sample(campaign: Campaign) -> None:
    comm = campaign.comm
    if parallel.on_root(comm, lambda: fieldset.stored_key(campaign.store, GLASS) == campaign.data_key):
        console(comm).print("[dim]sample: done before[/dim]")
        return
    start = time.monotonic()
    history: list = []
    moduli: dict[str, float] = {}
    config, folder = campaign.config, campaign.segments
    try:
        chain = sampling.Chain()
        if config.md.script is None:
            segments = plan.preparation(config, campaign.material)
            job = sampling.Job(comm, config, folder, campaign.glass_key)
            with progress(comm, "glass") as tick:
                chain = sampling.run_segments(job, segments, chain, tick)
            moduli = _moduli(campaign, chain)
            history = parallel.on_root(comm, lambda: sampling.history(folder, segments))
        observed = plan.production(config, campaign.material, campaign.source, campaign.out)
        job = sampling.Job(comm, config, folder, campaign.data_key)
        with progress(comm, "shear" if config.md.script is None else "run") as tick:
            chain = sampling.run_segments(job, observed, chain, tick)
    except MdbridgeError:
        parallel.on_root(comm, lambda: _keep_partial(campaign, history, moduli))
        raise
    parallel.on_root(comm, lambda: _collect(campaign, chain, history, moduli))
    console(comm).print(
        f"sample: {time.monotonic() - start:.1f} s; fields in {campaign.store}", soft_wrap=True
    )


def _collect(campaign: Campaign, chain: sampling.Chain, history: list, moduli: dict) -> int:
    seconds = sampling.seconds(campaign.segments)
    return glass_store.collect(
        campaign.store,
        campaign.config,
        campaign.segments,
        campaign.data_key,
        chain,
        history,
        moduli,
        seconds,
    )


def _keep_partial(campaign: Campaign, history: list, moduli: dict) -> None:
    """After a failure: the frames up to there, in one file."""
    chain = sampling.started(campaign.segments, campaign.data_key)
    if chain is None:
        return
    count = _collect(campaign, chain, history, moduli)
    if count:
        console(campaign.comm).print(
            f"the {count} frames made so far are kept in {campaign.store}", soft_wrap=True
        )


def _moduli(campaign: Campaign, chain: sampling.Chain) -> dict[str, float]:
    """The elastic moduli of the glass at rest, from small strains; measured once."""
    comm, md = campaign.comm, campaign.config.md
    path = campaign.segments / "moduli.json"

    def stored() -> dict | None:
        try:
            found = read_json(path)
        except FileError:
            return None
        return found if found.pop("key", None) == campaign.glass_key else None

    known = parallel.on_root(comm, stored)
    if known is None:
        start = time.monotonic()
        known = cuzr.moduli(
            comm,
            chain.restart,
            campaign.material,
            md.timestep_ps,
            md.temperature_K,
            md.modulus_strain,
            md.modulus_ps,
        )
        known["modulus_strain"] = md.modulus_strain
        known["seconds"] = time.monotonic() - start
        parallel.on_root(comm, lambda: write_json(path, known | {"key": campaign.glass_key}))
        console(comm).print(
            f"moduli of the glass at {md.temperature_K:g} K: "
            f"mu = {known['mu_GPa']:.2f} ± {known['mu_error_GPa']:.2f}, "
            f"K = {known['bulk_GPa']:.2f} ± {known['bulk_error_GPa']:.2f} GPa",
            soft_wrap=True,
        )
    return {name: value for name, value in known.items() if name != "seconds"}


def _report(campaign: Campaign) -> None:
    """Figures and summary; quick, so it is always done."""
    comm = campaign.comm

    def work() -> None:
        found = fieldset.stored_key(campaign.store, GLASS)
        if found != campaign.data_key:
            raise FileError(
                f"{campaign.store}: made from another input than {campaign.source}, or not complete; "
                "run 'mdbridge sample' first, or choose another --out"
            )
        summary = figures.draw(campaign.store, campaign.out)
        if campaign.config.calibrate is not None:
            summary |= glass_chain.report(campaign.config.calibrate, campaign.store, campaign.out)
        write_json(campaign.out / "summary.json", summary)

    parallel.on_root(comm, work)
    console(comm).print(f"report: figures and summary.json in {campaign.out}", soft_wrap=True)

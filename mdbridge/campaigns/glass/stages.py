"""The glass campaign: prepare -> shear with observers -> glass.h5 -> calibrate -> report."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...core import demand, parallel, stages
from ...core.config import as_text, load
from ...core.console import console
from ...core.errors import InputError, MdbridgeError
from ...core.files import write_json
from ...core.identity import Identity, contents
from ...core.stages import Link, Links, Piece, Product, Stage, Task, link_folder, unfinished_folder
from ...core.versions import versions
from ...core.workspace import Record, Workspace, claim
from ...md import cuzr, language, localyield, scriptnotes, softness
from ...md.potentials import potential
from .. import demands
from . import analysis, ensemble, figures, plan, predictors, results, sampling
from . import chain as calibration_chain
from .input import GlassInput, Measured

CAMPAIGN = "glass"
_AT_REST, _SHEARED = "glass", "sheared"
Command = Callable[[MPI.Comm, Path, Path, Sequence[str]], None]


def _as_values(work: Callable[[MPI.Comm], NDArray[np.float64]]) -> Callable[[MPI.Comm, Any], dict[str, Any]]:
    """What a task keeps of a test that gives one field."""
    return lambda comm, _: {"values": work(comm)}


@dataclass(frozen=True)
class Campaign:
    """A campaign's input, its folder, and its pieces of work."""

    comm: MPI.Comm
    config: GlassInput
    source: Path
    workspace: Workspace
    material: Path
    """The potential's file, or the script."""
    files: Mapping[str, str]
    """Contents of what the MD reads: the potential, or the script and all files that it reads."""
    overrides: Sequence[str] = ()
    """Of the command line."""

    @cached_property
    def preparation(self) -> list[Link]:
        """The segments that lead to the glass at rest; none where a script does it."""
        segments = plan.preparation(self.config, self.material)
        return sampling.links(self.comm, self.config, segments, self.files)

    @cached_property
    def production(self) -> list[Link]:
        """The segments with observers attached."""
        segments = plan.production(self.config, self.material, self.source, self.workspace.root)
        # another glass, another shear
        before = self.preparation[-1].identity.key if self.preparation else ""
        return sampling.links(self.comm, self.config, segments, self.files, before)

    @cached_property
    def moduli(self) -> Stage[MPI.Comm]:
        """One task, for all ranks together: the elastic moduli of the glass at rest."""
        if not self.preparation:
            return Stage("moduli", [])
        keys = ("md.timestep_ps", "md.temperature_K", "md.modulus_strain", "md.modulus_ps")
        after = {"glass": self.preparation[-1].identity.key}
        identity = Identity.of("moduli", self.config, keys, files=self.files, after=after)
        return Stage("moduli", [Task("moduli", identity, lambda comm, _: self._moduli(comm))])

    @cached_property
    def strained(self) -> Stage[MPI.Comm]:
        """The runs that the moduli are made of, each of which a kill leaves done."""
        (whole,) = self.moduli.tasks

        def task(kind: str, sign: int) -> Task[MPI.Comm]:
            name = _run_name(kind, sign)
            identity = replace(whole.identity, task=name)
            return Task(name, identity, lambda comm, _: self._strained(comm, kind, sign))

        return Stage("moduli-runs", [task(kind, sign) for kind, sign in cuzr.STRAINED])

    @cached_property
    def tests(self) -> Stage[MPI.Comm]:
        """Further tests of the glass at rest, each a field that may tell where it will shear."""
        averages = ("md.timestep_ps", "observe.grid", "observe.energy_window", "observe.cutoff")
        known: dict[Measured, tuple[tuple[str, ...], Callable[[MPI.Comm], NDArray[np.float64]]]] = {
            "nonaffinity": ((*averages, "md.modulus_strain"), self._nonaffinity),
            "local_yield": (averages, self._local_yield),
        }
        tasks: list[Task[MPI.Comm]] = []
        for name in self.config.measured:
            keys, work = known[name]
            after = {"glass": self.preparation[-1].identity.key}
            identity = Identity.of(name, self.config, keys, files=self.files, after=after)
            tasks.append(Task(name, identity, _as_values(work)))
        return Stage("predictors", tasks, keep="arrays")

    @cached_property
    def glass(self) -> Product:
        """All frames in one file."""
        after = {"frames": self.production[-1].identity.key}
        after |= {task.name: task.identity.key for task in (*self.moduli.tasks, *self.tests.tasks)}
        # named for people: the frames have read all of it
        identity = Identity.of("glass.h5", self.config, ("md", "shear", "observe"), after=after)
        return Product("sample", identity, ("glass.h5",), self._sample)

    @property
    def paper_files(self) -> Product:
        """The text files of [Kontolati2021]."""
        identity = Identity("paper format", after={"glass": self.glass.identity.key})
        store = self.workspace.root / "glass.h5"

        def work(folder: Path) -> None:
            parallel.on_root(self.comm, lambda: results.write_paper_files(store, folder / "paper_format"))

        return Product("paper format", identity, ("paper_format/stress_rand2_matlab.txt",), work)

    @cached_property
    def calibration(self) -> Product | None:
        """The STZ model of this glass, where the input asks for one."""
        if self.config.calibrate is None:
            return None
        after = {"glass": self.glass.identity.key}
        # 2: the model begins at the stress of the glass at rest
        identity = Identity.of("calibrate", self.config, ("calibrate",), after=after, version=2)
        return calibration_chain.product(self.comm, self.workspace, self.config.calibrate, identity)

    @cached_property
    def summary(self) -> Product:
        """Figures and summary."""
        after = {"glass": self.glass.identity.key}
        if self.calibration is not None:
            after["calibration"] = self.calibration.identity.key
        return Product("report", Identity("report", after=after), ("summary.json",), self._report)

    def of_seed(self, seed: int) -> "Campaign":
        """The campaign of one sample of an ensemble."""
        config = ensemble.of_seed(self.config, seed)
        return replace(
            self, config=config, workspace=Workspace(ensemble.folder(self.workspace, seed), CAMPAIGN)
        )

    @cached_property
    def runs(self) -> Stage[MPI.Comm]:
        """The whole runs of the samples of an ensemble."""
        keys = {seed: self.of_seed(seed).summary.identity.key for seed in ensemble.seeds(self.config)}
        return ensemble.samples(self.workspace, ensemble.RUNS, keys, self._nested(run))

    @property
    def ensemble_report(self) -> Product:
        """What the samples of an ensemble say together."""
        return ensemble.report(self.comm, self.workspace, self.runs, self.config.calibrate)

    @property
    def samples(self) -> Stage[MPI.Comm]:
        """The same, as far as glass.h5."""
        keys = {seed: self.of_seed(seed).glass.identity.key for seed in ensemble.seeds(self.config)}
        return ensemble.samples(self.workspace, ensemble.SAMPLES, keys, self._nested(sample))

    def _nested(self, work: "Command") -> ensemble.Work:
        """A command in a sample's folder, with the sample's overrides after the ensemble's own."""
        return lambda group, out, more: work(group, self.source, out, [*self.overrides, *more])

    def plan(self) -> list[Piece]:
        """Everything that a whole run does, in order."""
        if self.config.ensemble.seeds > 1:
            return [self.runs, self.ensemble_report]
        pieces: list[Piece] = [Links(_SHEARED, self.production), self.glass]
        if self.preparation:
            tests = [self.tests] if self.tests.tasks else []
            runs = [self.strained] if self._moduli_lack() else []
            pieces = [Links(_AT_REST, self.preparation), *runs, self.moduli, *tests, *pieces]
        if self.calibration is not None:
            pieces.append(self.calibration)
        return [*pieces, self.summary]

    # --- the work -----------------------------------------------------------------

    def _sample(self, folder: Path) -> None:
        workspace, comm = self.workspace, self.comm
        if self.config.md.script is not None:
            path = self.source.parent / self.config.md.script
            scriptnotes.tell_of_stops(comm, path)
            if len(self.production) > 1:
                scriptnotes.tell_of_segments(comm, path)
        rest = stages.chain(comm, workspace, _AT_REST, self.preparation, "glass")
        begin = link_folder(workspace, _AT_REST, self.preparation[-1]) if self.preparation else None
        # one group of all ranks: there is one task, and it is MD
        # one rank looks which runs are left: the others might see another state of the folder
        runs = parallel.on_root(comm, self._moduli_lack)
        for stage in (*([self.strained] if runs else []), self.moduli, self.tests):
            if stage.tasks:
                title = stage.name.removesuffix("-runs")
                stages.share(comm, workspace, stage, title, nullcontext, comm.size)
        try:
            title = "shear" if self.config.md.script is None else "run"
            sheared = stages.chain(comm, workspace, _SHEARED, self.production, title, begin)
        except MdbridgeError:
            self._keep_partial(rest)
            raise
        key = self.glass.identity.key
        parallel.on_root(comm, lambda: self._collect(folder, [*rest, *sheared], key))

    def _places(self) -> list[Path]:
        """The folders with frames: those of finished links, then that of one which is not."""
        links = self.production
        places = [link_folder(self.workspace, _SHEARED, link) for link in links]
        places += [unfinished_folder(self.workspace, _SHEARED, link) for link in links]
        # without the state nobody knows which strain its frames have
        return [place for place in places if (place / sampling.STATE).exists()]

    def _collect(self, folder: Path, records: Sequence[Record], key: str) -> None:
        """Gather the frames that there are into one file (rank 0)."""
        there = self._places()
        moduli = {
            name: value
            for task in self.moduli.tasks
            for name, value in stages.result(self.workspace, self.moduli, task).items()
        }
        at_rest = [link_folder(self.workspace, _AT_REST, link) for link in self.preparation]
        results.collect(
            folder / "glass.h5",
            self.config,
            sampling.frames(there),
            key,
            sampling.Chain.read(there[-1]),
            sampling.history(at_rest),
            moduli,
            sampling.seconds(records),
            {t.name: stages.result(self.workspace, self.tests, t)["values"] for t in self.tests.tasks},
        )

    def _keep_partial(self, records: Sequence[Record]) -> None:
        """After a failure: the frames up to there in one file, which does not count as done (collective)."""
        count = parallel.on_root(self.comm, lambda: len(sampling.frames(self._places())))
        # nothing to keep: the failure alone is told
        if not count:
            return
        # another task: the next start must not take it for the whole
        identity = replace(self.glass.identity, task="glass.h5, as far as it went")

        def work(folder: Path) -> None:
            parallel.on_root(self.comm, lambda: self._collect(folder, records, identity.key))

        partial = replace(self.glass, name="frames so far", identity=identity, work=work)
        stages.make(self.comm, self.workspace, partial, again=True)
        store = self.workspace.root / "glass.h5"
        console(self.comm).print(f"the {count} frames made so far are kept in {store}", soft_wrap=True)

    def _moduli_lack(self) -> bool:
        """Whether there are moduli to be made: those of a former release had no runs of their own."""
        return any(not self.workspace.record("moduli", t.name, t.identity.key) for t in self.moduli.tasks)

    def _strained(self, comm: MPI.Comm, kind: str, sign: int) -> dict[str, float]:
        md, rest = self.config.md, link_folder(self.workspace, _AT_REST, self.preparation[-1])
        mean, error = cuzr.strained_pressure(
            comm,
            rest / sampling.RESTART,
            self.material,
            md.timestep_ps,
            md.temperature_K,
            kind,
            sign * md.modulus_strain,
            md.modulus_ps,
        )
        return {"pressure_bar": mean, "error_bar": error}

    def _moduli(self, comm: MPI.Comm) -> dict[str, float]:
        """From small strains of the glass at rest."""
        md = self.config.md

        def pressure(kind: str, sign: int) -> tuple[float, float]:
            task = next(task for task in self.strained.tasks if task.name == _run_name(kind, sign))
            kept = stages.result(self.workspace, self.strained, task)
            return kept["pressure_bar"], kept["error_bar"]

        measured = parallel.on_root(comm, lambda: cuzr.moduli(pressure, md.modulus_strain))
        console(comm).print(
            f"moduli of the glass at {md.temperature_K:g} K: "
            f"mu = {measured['mu_GPa']:.2f} ± {measured['mu_error_GPa']:.2f}, "
            f"K = {measured['bulk_GPa']:.2f} ± {measured['bulk_error_GPa']:.2f} GPa",
            soft_wrap=True,
        )
        return measured | {"modulus_strain": md.modulus_strain}

    @property
    def _at_rest(self) -> Path:
        """The restart file of the glass at rest."""
        return link_folder(self.workspace, _AT_REST, self.preparation[-1]) / sampling.RESTART

    def _nonaffinity(self, comm: MPI.Comm) -> NDArray[np.float64]:
        """The squared nonaffine displacement of the glass at rest, averaged as its energies are."""
        md, observe = self.config.md, self.config.observe
        places, squares, box = softness.nonaffinity(
            comm, self._at_rest, self.material, md.timestep_ps, md.modulus_strain
        )
        nx, ny = observe.grid
        return softness.window_means(places, squares, box, (ny, nx), observe.energy_window, observe.cutoff)

    def _local_yield(self, comm: MPI.Comm) -> NDArray[np.float64]:
        """The local yield stress of the glass at rest, averaged over the cylinders about each cell (GPa)."""
        observe = self.config.observe
        centres, gained, box = localyield.yield_stresses(
            comm, self._at_rest, self.material, self.config.md.timestep_ps
        )
        # a narrower window would find no cylinder about some cells
        window = max(observe.energy_window, localyield.RADIUS)
        nx, ny = observe.grid
        return softness.window_means(centres, gained, box, (ny, nx), window, observe.cutoff)

    def _report(self, folder: Path) -> None:
        """Figures and summary from the stored results alone."""

        def work() -> None:
            store = stages.require(self.workspace, self.glass, "mdbridge sample")
            figures.draw(store, folder)
            summary = analysis.summarise(store)
            if self.preparation:
                segments = plan.preparation(self.config, self.material)
                summary["preparation_cost_steps"] = sum(segment.evaluations for segment in segments)
            summary["predictors"] = predictors.table([store])
            if self.config.calibrate is not None and self.calibration is not None:
                summary |= calibration_chain.report(
                    self.workspace, self.config.calibrate, self.calibration, store, folder
                )
            write_json(folder / "summary.json", summary | {"versions": versions()})

        parallel.on_root(self.comm, work)


def _run_name(kind: str, sign: int) -> str:
    return f"{kind}-{'plus' if sign > 0 else 'minus'}"


def sample(
    comm: MPI.Comm,
    source: Path,
    out: Path,
    overrides: Sequence[str],
    paper_format: bool = False,
) -> None:
    """Make the glass, shear it and write glass.h5."""
    with open_campaign(comm, source, out, overrides) as campaign:
        if campaign.config.ensemble.seeds > 1:
            ranks = campaign.config.ensemble.ranks_per_sample
            if paper_format:
                # a switch of the command line does not reach the samples: it would be dropped without a word
                raise InputError(
                    f"{source}: --paper-format is for a single sample; set output.paper_format = true"
                )
            ensemble.share(comm, campaign.workspace, campaign.samples, ranks)
            console(comm).print(
                f"the samples are in {out / ensemble.SAMPLES}; 'mdbridge run' tells what they say together",
                soft_wrap=True,
            )
            return
        stages.make(comm, campaign.workspace, campaign.glass)
        if paper_format or campaign.config.output.paper_format:
            stages.make(comm, campaign.workspace, campaign.paper_files)


def report(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Draw the figures and write summary.json from the stored results alone."""
    with open_campaign(comm, source, out, overrides) as campaign:
        if campaign.config.ensemble.seeds > 1:
            stages.make(comm, campaign.workspace, campaign.ensemble_report, again=True)
            return
        stages.make(comm, campaign.workspace, campaign.summary, again=True)


def run(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """All stages: sample, calibrate where the input says so, report."""
    with open_campaign(comm, source, out, overrides) as campaign:
        if campaign.config.ensemble.seeds > 1:
            ranks = campaign.config.ensemble.ranks_per_sample
            ensemble.share(comm, campaign.workspace, campaign.runs, ranks)
            # again: a sample that had failed may be there now
            stages.make(comm, campaign.workspace, campaign.ensemble_report, again=True)
            return
        for product in (campaign.glass, campaign.calibration, campaign.summary):
            if product is not None:
                stages.make(comm, campaign.workspace, product)


@contextmanager
def open_campaign(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> Iterator[Campaign]:
    """Read and check the input, and own its folder (collective)."""
    (config, material, files), text = parallel.on_root(
        comm, lambda: (read(source, overrides), as_text(source, overrides))
    )
    demand.require(comm, demands.glass(config), out)
    with claim(comm, out.resolve(), CAMPAIGN, source, overrides, text) as workspace:
        yield Campaign(comm, config, source, workspace, material, files, overrides)


def read(source: Path, overrides: Sequence[str]) -> tuple[GlassInput, Path, dict[str, str]]:
    """The checked input, the file of its potential or script, and the contents of all that the MD reads.

    Raises:
        InputError: a key, or a file that is not there.
    """
    config = load(source, GlassInput, overrides)
    if config.md.script is None:
        material = potential(config.md.potential)
        return config, material, {"md.potential": contents(material)}
    # relative to the TOML file, not to where the command is started
    script = source.parent / config.md.script
    if not script.is_file():
        raise InputError(f"{source}: 'md.script' = {config.md.script!r}: there is no file {script}")
    # with the variables, which may be parts of the names of files
    files = language.files(script, config.md.variables)
    return config, script, {f"md.script: {label}": contents(path) for label, path in files.items()}


def plan_of(source: Path, overrides: Sequence[str], workspace: Workspace) -> list[Piece]:
    """What a run would do, for 'mdbridge status'."""
    config, material, files = read(source, overrides)
    demand.require(MPI.COMM_SELF, demands.glass(config))
    return Campaign(MPI.COMM_SELF, config, source, workspace, material, files, overrides).plan()

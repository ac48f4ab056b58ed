"""The campaign of fields: a LAMMPS script, or a trajectory -> frames -> fields.h5 -> figures."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from mpi4py import MPI

from ...core import demand, parallel, stages
from ...core.config import as_text, load
from ...core.console import console
from ...core.errors import InputError, MdbridgeError, MDError
from ...core.files import write_json
from ...core.identity import Identity, contents
from ...core.stages import Link, Links, Piece, Product, link_folder, unfinished_folder
from ...core.versions import versions
from ...core.workspace import Workspace, claim
from ...md import language, script, scriptnotes
from .. import demands
from . import results, run, trajectory
from .input import FieldsInput

CAMPAIGN = "fields"
_OBSERVED = "frames"
_READ = ("md.variables", "md.steps", "grid", "kernel", "observe")


@dataclass(frozen=True)
class Campaign:
    """A campaign's input, its folder, and its pieces of work."""

    comm: MPI.Comm
    config: FieldsInput
    source: Path
    workspace: Workspace
    files: Mapping[str, str]
    """Contents of what the MD reads: the script and all files that it reads, the trajectory."""

    @cached_property
    def links(self) -> list[Link]:
        """The segments of the run: as many as there are checkpoints, if the script can go on from one."""
        pieces = [self._frames]
        if self.config.md.trajectory is None and self._resumable:
            # a script that cannot go on from a restart file is one piece, however long
            size = self.config.checkpoint.every_frames
            pieces = [min(size, self._frames - done) for done in range(0, self._frames, size)]
        # cuts change nothing but where LAMMPS writes restart files, unless there are cuts
        reads = (*_READ, "checkpoint.every_frames") if len(pieces) > 1 else _READ
        links, version = [], self._version(len(pieces))
        for number, piece in enumerate(pieces, 1):
            name = f"run-{number:03d}"
            identity = Identity.of(
                "fields", self.config, reads, files=self.files, version=version, segment=name
            )
            passing = run.RESTART if self.config.md.trajectory is None else ""
            links.append(Link(name, identity, partial(self._observe, piece), piece, "run", passing))
        return stages.chained(links)

    @cached_property
    def fields(self) -> Product:
        """All frames in one file."""
        after = {"frames": self.links[-1].identity.key}
        # named for people: the frames have read all of it
        identity = Identity.of("fields.h5", self.config, ("md", "grid", "kernel", "observe"), after=after)
        return Product("observe", identity, ("fields.h5",), self._collect_all)

    @cached_property
    def summary(self) -> Product:
        """Figures, the series for ParaView, and the summary."""
        after = {"fields": self.fields.identity.key}
        identity = Identity.of("report", self.config, ("output",), after=after)
        return Product("report", identity, ("summary.json",), self._report)

    def plan(self) -> list[Piece]:
        """Everything that a whole run does, in order."""
        return [Links(_OBSERVED, self.links), self.fields, self.summary]

    @property
    def _frames(self) -> int:
        md, every = self.config.md, self.config.observe.every
        # a trajectory is one piece: its frames are known when it is read
        return 1 if md.steps is None or every is None else md.steps // every

    def _version(self, pieces: int) -> int:
        """Of the frames of so many segments.

        2: in a box that flows, whose atoms once lost the velocity of the box between segments, and whose
        first frame had the flow of the next look; and of a time filter, which counted the step between two
        segments twice.  All others are what they were.
        """
        md, observe = self.config.md, self.config.observe
        if md.script is None or md.trajectory is not None:
            return 1
        flows = "box_velocity" in observe.fields or script.remaps(
            self.source.parent / md.script, md.variables
        )
        return 2 if flows or (observe.time_filter is not None and pieces > 1) else 1

    @property
    def _resumable(self) -> bool:
        path = self.source.parent / str(self.config.md.script)
        return script.goes_on(path.read_text(errors="replace"))

    # --- the work -----------------------------------------------------------------

    def _observe(
        self, frames: int, folder: Path, before: Path | None, tell: Callable[[float], None]
    ) -> dict[str, Any]:
        log = self.workspace.root / "lammps.log"
        if self.config.md.trajectory is None:
            run.observe(self.comm, self.config, self.source, log, folder, before, frames, tell)
            # the next segment begins that one anew
            parallel.on_root(self.comm, lambda: shutil.copyfile(log, folder / log.name))
        else:
            trajectory.observe(self.comm, self.config, self.source, log, folder, tell)
        return {"frames": frames}

    def _collect_all(self, folder: Path) -> None:
        comm, workspace = self.comm, self.workspace
        try:
            stages.chain(comm, workspace, _OBSERVED, self.links, "run")
        # what was seen before a failure is often what explains it
        except MdbridgeError:
            self._keep_partial()
            raise
        key = self.fields.identity.key
        count = parallel.on_root(comm, lambda: self._collect(folder, key, True))
        # the start is a frame, too; those of a trajectory were counted as they were read
        if self.config.md.trajectory is None and count != self._frames + 1:
            raise MDError(
                f"{count} of {self._frames + 1} frames are in {workspace.root / _OBSERVED}: the steps of the "
                "segments do not follow each other; give another --out, and the run begins anew"
            )

    def _places(self) -> list[Path]:
        """The folders with frames: those of finished links, then that of one which is not."""
        places = [link_folder(self.workspace, _OBSERVED, link) for link in self.links]
        places += [unfinished_folder(self.workspace, _OBSERVED, link) for link in self.links]
        return [place for place in places if (place / run.STATE).exists()]

    def _collect(self, folder: Path, key: str, complete: bool) -> int:
        """Gather the frames that there are into one file (rank 0); returns their number."""
        places = self._places()
        frames = run.frames_in(places)
        if frames:
            # the state of the last segment: those before it are its beginning
            wanted, state = run.wanted(self.config), run.State.read(places[-1])
            results.collect(folder / "fields.h5", wanted, state, frames, run.curve(places), key, complete)
        return len(frames)

    def _keep_partial(self) -> None:
        """After a failure: the frames up to there in one file, which does not count as done (collective)."""
        count = parallel.on_root(self.comm, lambda: len(run.frames_in(self._places())))
        if not count:
            return
        identity = replace(self.fields.identity, task="fields.h5, as far as it went")

        def work(folder: Path) -> None:
            parallel.on_root(self.comm, lambda: self._collect(folder, identity.key, False))

        partial_product = replace(self.fields, name="frames so far", identity=identity, work=work)
        stages.make(self.comm, self.workspace, partial_product, again=True)
        store = self.workspace.root / "fields.h5"
        console(self.comm).print(f"the {count} frames made so far are kept in {store}", soft_wrap=True)

    def _notes(self) -> list[str]:
        """What a reader of the results should know of the script, which is that of the results."""
        name = self.config.md.script
        return [] if name is None else scriptnotes.of_results(self.source.parent / name)

    def _report(self, folder: Path) -> None:
        """Figures and summary from the stored results alone."""

        def work() -> None:
            from . import figures, summary, vtk  # matplotlib, which nothing before needs

            store, output = (
                stages.require(self.workspace, self.fields, "mdbridge observe"),
                self.config.output,
            )
            if output.vtk:
                vtk.export(store, folder / "vtk")
            if output.figures:
                figures.draw(store, folder, output.shown)
            write_json(folder / "summary.json", summary.of(store, self._notes()) | {"versions": versions()})

        parallel.on_root(self.comm, work)


def run_or_resume(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """The same as observing: there is no other stage, and it goes on where it was."""
    observe(comm, source, out, overrides)


def observe(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Run the MD, write fields.h5, draw."""
    with open_campaign(comm, source, out, overrides) as campaign:
        stages.make(comm, campaign.workspace, campaign.fields)
        stages.make(comm, campaign.workspace, campaign.summary)
    console(comm).print(f"results are in {out}", soft_wrap=True)


def report(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Draw the figures and write summary.json from the stored results alone."""
    with open_campaign(comm, source, out, overrides) as campaign:
        stages.make(comm, campaign.workspace, campaign.summary, again=True)


@contextmanager
def open_campaign(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> Iterator[Campaign]:
    """Read and check the input, and own its folder (collective)."""
    (config, files), text = parallel.on_root(
        comm, lambda: (read(source, overrides), as_text(source, overrides))
    )
    demand.require(comm, demands.fields(config), out)
    with claim(comm, out.resolve(), CAMPAIGN, source, overrides, text) as workspace:
        yield Campaign(comm, config, source, workspace, files)


def read(source: Path, overrides: Sequence[str]) -> tuple[FieldsInput, dict[str, str]]:
    """The checked input, and the contents of all that the MD reads.

    Raises:
        InputError: a key, or a file that is not there.
    """
    config = load(source, FieldsInput, overrides)
    files: dict[str, str] = {}
    for key, name in (("md.script", config.md.script), ("md.trajectory", config.md.trajectory)):
        if name is None:
            continue
        path = source.parent / name
        if not path.is_file():
            raise InputError(f"{source}: '{key}' = {name!r}: there is no file {path}")
        if key == "md.script":
            # a potential that changes under the same name makes another run
            known = language.files(path, config.md.variables)
            files |= {f"md.script: {label}": contents(file) for label, file in known.items()}
        else:
            files[key] = contents(path)
            # from its headers alone, before a folder is made
            trajectory.check(path, config)
            _require_kept(source, config, path)
    return config, files


def _require_kept(source: Path, config: FieldsInput, dump: Path) -> None:
    """Refuse a script whose own steps would write over dumps of an earlier run, the trajectory among them.

    Raises:
        InputError: so they would.
    """
    if config.md.script is None:
        return
    path = source.parent / config.md.script
    over = sorted(language.dumped(path, config.md.variables))
    if dump.resolve() in over:
        over = [dump]
    if over:
        what = "the trajectory" if over == [dump] else "which is there"
        raise InputError(
            f"{source}: 'md.script' = {config.md.script!r} makes steps with a dump into {over[0].name}, "
            f"{what}: they would write over it. A replay needs the script up to its first 'run' alone (box, "
            "masses, potential, timestep, computes): give it such a script"
        )


def plan_of(source: Path, overrides: Sequence[str], workspace: Workspace) -> list[Piece]:
    """What a run would do, for 'mdbridge status'."""
    config, files = read(source, overrides)
    demand.require(MPI.COMM_SELF, demands.fields(config))
    return Campaign(MPI.COMM_SELF, config, source, workspace, files).plan()

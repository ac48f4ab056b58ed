"""A campaign with data of one's own: a file of displacements and loads -> a model -> figures."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from mpi4py import MPI

from ...core import parallel, stages
from ...core.config import as_text, load
from ...core.console import console
from ...core.errors import ConvergenceError, FileError, InputError
from ...core.files import digest, read_json, write_json
from ...core.identity import Identity, contents, reads
from ...core.stages import Piece, Product, Stage
from ...core.versions import versions
from ...core.workspace import Workspace, claim
from . import data, data_files, data_plan, data_report, doubts, learning, sweep_figures
from . import sweep as sweeps
from .data import OwnData
from .data_input import Data, OwnLearn, PeridynamicsInput
from .input import Learn, Sweep

CAMPAIGN = "peridynamics"
_POOR = 0.1  # of both: worth a word
_POOR_WITH_EDGES = 0.03  # of either
_HOPELESS = 0.5  # relative errors of residual and displacement: a model that misses half explains nothing


@dataclass(frozen=True)
class Campaign:
    """A campaign's input, its folder, and its pieces of work.

    Attributes:
        files: the data, by the names that the input gives them.
        own: the samples in them.
    """

    comm: MPI.Comm
    config: PeridynamicsInput
    source: Path
    workspace: Workspace
    files: Mapping[str, Path]
    own: OwnData

    @cached_property
    def settings(self) -> Learn:
        """The section [learn] with all that the data decides."""
        return data_plan.learn_settings(self.config.learn, self.own)

    @cached_property
    def pairs_from(self) -> Identity:
        """What any pair (δ, M) is learned from: the data, and the settings without the lists of pairs."""
        # by their contents: a file may be moved
        files = {f"data.file {n}": contents(path) for n, path in enumerate(self.files.values(), 1)}
        keys = [f"data.{name}" for name in Data.model_fields if name != "file"]
        lists = {"horizons", "horizons_A", "degrees", "replicates"}
        keys += [f"learn.{name}" for name in OwnLearn.model_fields if name not in lists]
        # 2: rigid motions of bodies with edges make no difference
        return Identity.of("pairs of own data", self.config, keys, files=files, version=2)

    @cached_property
    def source_of_pairs(self) -> learning.Source:
        """Where learning takes its fields from."""
        # samples kept for validation are no training samples
        folds = 0 if self.own.validation else self.config.learn.folds
        unit = (self.own.length_unit, self.own.length)
        return learning.Source(self.settings, self.pairs_from, lambda: self.own.fields, folds, unit)

    @cached_property
    def pairs(self) -> Stage[learning.Fields]:
        """The pairs that 'learn' chooses from."""
        return learning.pairs_stage(self.source_of_pairs, learning.pairs_to_choose_from(self.settings))

    @cached_property
    def model(self) -> Product:
        """The chosen pair's model, with error bars."""
        base = self.pairs_from
        pairs = {"pairs": [list(pair) for pair in learning.pairs_to_choose_from(self.settings)]}
        values = base.values | pairs | reads(self.config, "learn.replicates")
        identity = replace(base, task="model of own data", values=values, shown=base.shown | values)
        return Product("learn", identity, ("model.json",), lambda folder: _learn(self, folder))

    @cached_property
    def summary(self) -> Product:
        """Table and figures."""
        identity = Identity("report of own data", 2, after={"model": self.model.identity.key})
        names = ("summary.json", *data_report.FIGURES)
        return Product("report", identity, names, lambda folder: _report(self, folder))

    def sweep(self) -> Product:
        """Algorithm 2 over all pairs of the section [sweep]."""
        settings, base = data_plan.sweep_settings(self.config.sweep, self.own), self.pairs_from
        pairs = {"pairs": [list(pair) for pair in sweeps.pairs_to_try(settings)]}
        identity = replace(base, task="sweep", values=base.values | pairs, shown=base.shown | pairs)
        return Product(
            "sweep", identity, ("sweep.json", "sweep.png"), lambda folder: _sweep(self, settings, folder)
        )

    def plan(self) -> list[Piece]:
        """Everything that a whole run does, in order."""
        return [self.pairs, self.model, self.summary]


def learn(
    comm: MPI.Comm,
    source: Path,
    out: Path,
    overrides: Sequence[str],
    sweep: bool = False,
    data_files: Sequence[Path] = (),
) -> None:
    """Learn the model, draw, and print the table; with ``sweep`` try all pairs of the section [sweep].

    Args:
        data_files: in place of data.file.
    """
    with open_campaign(comm, source, out, [*overrides, *_as_override(data_files)]) as campaign:
        parallel.on_root(comm, lambda: data_plan.require_determined(campaign.own))
        parallel.on_root(comm, lambda: data.tell(campaign.own, lambda text: _say(campaign, text)))
        if sweep:
            stages.make(comm, campaign.workspace, campaign.sweep())
            if comm.rank == 0:
                record = read_json(campaign.workspace.root / "sweep.json")
                sweep_figures.show(console(comm), record, _units(campaign))
            return
        stages.make(comm, campaign.workspace, campaign.model)
        stages.make(comm, campaign.workspace, campaign.summary)
        _show(campaign)


def run(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """The same as learning: there is no other stage."""
    learn(comm, source, out, overrides)


def report(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Draw the figures and write summary.json again."""
    with open_campaign(comm, source, out, overrides) as campaign:
        stages.make(comm, campaign.workspace, campaign.summary, again=True)
        _show(campaign)


@contextmanager
def open_campaign(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> Iterator[Campaign]:
    """Read and check the input and its data, and own its folder (collective)."""
    config, files, own, text = parallel.on_root(
        comm, lambda: (*read(source, overrides), as_text(source, overrides))
    )
    with claim(comm, out.resolve(), CAMPAIGN, source, overrides, text) as workspace:
        campaign = Campaign(comm, config, source, workspace, files, own)
        # what does not fit the data is told before any work
        parallel.on_root(comm, lambda: len(campaign.pairs.tasks))
        yield campaign


def read(source: Path, overrides: Sequence[str]) -> tuple[PeridynamicsInput, dict[str, Path], OwnData]:
    """The checked input and its data.

    Raises:
        FileError, InputError: what is wrong with either.
    """
    config = load(source, PeridynamicsInput, overrides)
    if not config.data.files:
        raise InputError(
            f"{source}: no data: give data.file, or --data FILE; a file holds nodes (n x 2), u and b "
            "(samples x n x 2), and box where it is periodic"
        )
    files = {name: source.parent / name for name in config.data.files}
    for name, path in files.items():
        if not path.is_file():
            raise FileError(f"{source}: data.file = '{name}': there is no file {path}")
    # read again by every command: what is learned from must be what is there now
    names = {str(meant): name for meant, name in config.data.names.items()}
    raw = [data_files.read(path, names) for path in files.values()]
    return config, files, data.prepare(raw, config.data)


def plan_of(source: Path, overrides: Sequence[str], workspace: Workspace) -> list[Piece]:
    """What a run would do, for 'mdbridge status'."""
    return Campaign(MPI.COMM_SELF, *_parts(source, overrides, workspace)).plan()


def _parts(
    source: Path, overrides: Sequence[str], workspace: Workspace
) -> tuple[PeridynamicsInput, Path, Workspace, dict[str, Path], OwnData]:
    config, files, own = read(source, overrides)
    return config, source, workspace, files, own


def _as_override(paths: Sequence[Path]) -> list[str]:
    """``--data`` as a key of the input, so that 'status' and 'report' know of it; whole paths."""
    return [f"data.file={json.dumps([str(path.resolve()) for path in paths])}"] if paths else []


def _say(campaign: Campaign, text: str) -> None:
    console(campaign.comm).print(text, soft_wrap=True, markup=False)


def _learn(campaign: Campaign, folder: Path) -> None:
    comm, config, own = campaign.comm, campaign.config, campaign.own
    outcome = learning.choose(comm, campaign.workspace, campaign.source_of_pairs)
    best = outcome.best
    assert best.material is not None
    # noise of the displacements spoils the residual of a good model, never both errors
    if min(best.errors["E_res_train"], best.errors["E_u_train"]) > _HOPELESS:
        raise ConvergenceError(
            f"the best model misses the data: residual error {best.errors['E_res_train']:.0%}, displacement "
            f"error {best.errors['E_u_train']:.0%}; check that b = −div σ in {own.modulus_unit}/"
            f"{own.length_unit}, that x and y of u and b are not exchanged, and that nodes and samples of u "
            "and b are in the same order"
        )
    bars = learning.bootstrap(
        comm, campaign.settings, own.training, best, config.learn.replicates, config.learn.seed
    )
    learned = [
        *data_plan.long_wave_note(own),
        *data_plan.isotropy_note(own),
        *data_plan.unloaded_note(own, best.horizon),
        *doubts.few_nodes(own, best.horizon),
        *doubts.long_waves(best.material, own),
        *doubts.stiff_waves(best.material, campaign.settings.also_on_A, own),
        *doubts.other_pairs(best, outcome.candidates, bars, own),
        *_misfit(best.errors, own),
    ]
    for note in learned:
        _say(campaign, f"note: {note}")
    notes = [*own.notes, *learned]
    model = outcome.as_dict(comm.size) | {
        "error_bars": bars,
        "units": data_report.units(own),
        "validation": data_plan.validation(own, config.learn.folds),
        "method": config.learn.method,
        "notes": notes,
        "key": campaign.model.identity.key,
        "input_hash": digest(config.model_dump()),
    }
    parallel.on_root(comm, lambda: write_json(folder / "model.json", model))


def _misfit(errors: Mapping[str, float], own: OwnData) -> list[str]:
    """What there is to say of a model that explains its data, but not well."""
    residual, displacement = errors["E_res_train"], errors["E_u_train"]
    words = (
        f"the model misses {residual:.0%} of the loads and {displacement:.0%} of the displacements that it "
        "was learned from: the data are noisy, or not those of a single isotropic, homogeneous, linear solid"
    )
    if all(fields.shape is not None for fields in own.training.values()):
        return [words] if min(residual, displacement) >= _POOR else []
    # without waves there is no telling noise from an answer: a few per cent of it spoil one of both
    if max(residual, displacement) < _POOR_WITH_EDGES:
        return []
    return [
        f"{words}. Noise moves λ, μ, E and ν of nodes that are no periodic grid by more than their error "
        "bars say, by as much as it is of the loads: smooth the displacements, or give more of them"
    ]


def _units(campaign: Campaign) -> sweep_figures.Units:
    """Those of the data, and the key under which the input gives horizons, or would."""
    own, given = campaign.own, campaign.config.learn
    length, name, key = own.length, own.length_unit, "learn.horizons"
    if given.horizons is None and given.horizons_A is not None:
        # both keys together are refused
        length, name, key = 1.0, "Å", "learn.horizons_A"
    return sweep_figures.Units(length, own.modulus, name, own.modulus_unit, key)


def _sweep(campaign: Campaign, settings: Sweep, folder: Path) -> None:
    comm = campaign.comm
    selection = sweeps.sweep(comm, campaign.workspace, campaign.source_of_pairs, settings)
    wall = sum(candidate.wall_s for candidate in selection.candidates) / comm.size

    def write() -> None:
        record = selection.as_dict() | {"versions": versions(), "wall_s": wall}
        write_json(folder / "sweep.json", record)
        sweep_figures.draw({"": record}, folder / "sweep.png")

    parallel.on_root(comm, write)


def _report(campaign: Campaign, folder: Path) -> None:
    """Figures and summary from the stored model and the data alone."""

    def work() -> None:
        start = MPI.Wtime()
        path = stages.require(campaign.workspace, campaign.model, "mdbridge learn")
        results = data_report.gather(path, campaign.own)
        data_report.draw(results, folder)
        summary = data_report.summarise(results, campaign.settings, campaign.config.learn.folds)
        summary["wall_s"]["report"] = MPI.Wtime() - start
        write_json(folder / "summary.json", summary)

    parallel.on_root(campaign.comm, work)


def _show(campaign: Campaign) -> None:
    if campaign.comm.rank == 0:
        root = campaign.workspace.root
        data_report.print_table(console(campaign.comm), read_json(root / "summary.json"), root)

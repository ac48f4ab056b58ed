"""Whether a calibration is finished, told without a call of the model: a run of it may take an hour."""

from pathlib import Path

from ...calibrate.evaluate import Calibrated
from ...calibrate.trials import portable, read
from ...calibrate.worker import Worker
from ...core.errors import MdbridgeError
from ...core.files import digest, read_json
from ...core.identity import contents
from ...core.workspace import Workspace
from .input import CalibrateInput
from .optionfiles import files_of, is_path, paths
from .problem import models_of, program_of

PRODUCTS = ("summary.json", "best.h5")
"""A file of each product that a calibration leaves."""


def inputs(settings: CalibrateInput, folder: Path, worker: Worker) -> str:
    """A hash of all that the results of an input depend on: its values, code and files.

    The reference counts by where it comes from, not by its values: those may take a run of the model.

    Raises:
        InputError: the model is not there.
    """
    models: list[Calibrated] = list(models_of(settings, folder, worker).values())
    if not isinstance(settings.model, str):
        models.append(program_of(settings, folder))
    sources = {model.path: dict(model.sources) for model in models}
    given = portable(settings.model_dump(exclude_defaults=True))
    return digest(given, sources, _files(settings, folder))


def _files(settings: CalibrateInput, folder: Path) -> dict[str, str]:
    """Contents of the files that the options, and the reference, lead to."""
    places = {"reference": folder / settings.reference.file} if settings.reference.file else {}
    tables = {"options": settings.options, "reference.options": settings.reference.options}
    for table, options in (tables | {"output.options": settings.output.options}).items():
        for name, path in paths(options, folder).items():
            if is_path(name, path):
                places[f"{table}.{name}"] = Path(path)
    return {
        f"{label}{rest}": contents(file)
        for label, path in places.items()
        for rest, file in files_of(path)
        if file.is_file()
    }


def stamp(record: Path, made_from: str) -> dict[str, str]:
    """What summary.json keeps, to know results again: the inputs and the trials that it was made from."""
    # how long each took is no matter
    trials = [(t.index, t.status, t.unit, t.value) for t in read(record)[1]]
    return {"inputs": made_from, "trials": digest(portable(sorted(trials)))}


def stands(out: Path, settings: CalibrateInput, folder: Path, worker: Worker) -> bool:
    """Whether all results of an input are in ``out`` as they were written."""
    workspace = Workspace(out, "calibrate")
    try:
        owners = [workspace.owner(name) for name in PRODUCTS]
        if any(owner is None or workspace.damage(owner) for owner in owners):
            return False
        kept = read_json(out / PRODUCTS[0]).get("made_from")
        # of an earlier release there is none
        return kept is not None and kept == stamp(out / "trials.jsonl", inputs(settings, folder, worker))
    except MdbridgeError:  # what is wrong is told where it is needed
        return False

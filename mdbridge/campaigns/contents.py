"""What is in a folder of results, file by file: README.txt, and the captions of the report."""

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from ..core.files import write_text

README = "README.txt"
_MARK = "What mdbridge has put into this folder"

EVERYWHERE = {
    "index.html": "the report: figures, tables, how it was made; opens in a browser, needs nothing else",
    "summary.json": "the numbers of the report, for programs",
    "input.toml": "the input as it was used last, with what the command line changed of it",
    "mdbridge.json": "whose folder this is: kind of campaign, input, version",
    "mdbridge.log": "what the commands have said, with the time",
    "records/": "for each finished piece of work what it was made from, so that it is not done again",
    "superseded/": "what other inputs led to; it comes back when its input is run again",
}

# what the figures of 'mdbridge observe' show, by the names of the fields
_FIELDS = {
    "displacement": "Displacement since the first frame",
    "affine_displacement": "The box's own part of the displacement",
    "density": "Mass density",
    "number_density": "Number density",
    "composition": "Share of each type of atoms",
    "velocity": "Velocity in the laboratory",
    "box_velocity": "Velocity of the box at the same places",
    "temperature": "Temperature of the motion about the local mean velocity",
    "potential_energy": "Potential energy per atom",
    "heat_flux": "Heat flux",
    "stress": "Cauchy stress, tension positive",
    "deformation_gradient": "Deformation gradient since the first frame",
    "strain": "Green–Lagrange strain since the first frame",
    "D2min": "Nonaffine motion since the first frame, D²min",
}
_AT_TIMES = "at a few times, each component on one scale"
_NO_ATOMS = "; grey where there are no atoms."


def _caption(name: str, words: str) -> str:
    # a sum over atoms is zero where there are none
    return f"{words}, {_AT_TIMES}{'.' if name.endswith('density') else _NO_ATOMS}"


FILES: dict[str, dict[str, str]] = {
    "graphene": {
        "displacements.png": "One load of each split: molecular dynamics, model, and their difference.",
        "dispersion.png": "Moduli of plane waves against the wave number: learned symbol and MD.",
        "influence.png": "The learned influence function.",
        "solvability.png": "What makes problems with this model solvable, over the Brillouin zone.",
        "candidates.png": "Errors of the pairs of horizon and degree that the model was chosen from.",
        "convergence.png": "How the fit converged.",
        "time_filter.png": "Displacements of the thermal run, as they are and filtered in time.",
        "sweep.png": "Errors against the degree, each at its best horizon.",
        "wave.png": "Wave packets when they arrive, and a pulse: MD, model, classical elasticity.",
        "wave.gif": "The pulse in the MD, and ten times what model and classical elasticity are off it.",
        "dataset.h5": "coarse-grained displacements and loads, in groups train, val, test; read by xarray",
        "model.json": "the model: moduli, kernel, certificate; 'mdbridge export' writes it for others",
        "solutions.h5": "the model's displacements under the same loads",
        "baselines.json": "errors of what one would take instead of the learned model",
        "sweep.json": "the same numbers of the sweep",
        "wave.json": "the numbers of waves in time, of 'mdbridge wave'",
        "holdout.json": "errors on loads that no choice has seen, of 'mdbridge holdout'",
        "samples/": "results of single loads, which dataset.h5 was made from",
        "waves/": "frames of LAMMPS's waves",
        "holdout/": "results of single unseen loads",
    },
    "peridynamics": {
        "displacements.png": "One sample of each set: data, model, and their difference.",
        "dispersion.png": "Moduli of plane waves against the wave number: learned symbol and data.",
        "influence.png": "The learned influence function.",
        "solvability.png": "What makes problems with this model solvable, over the Brillouin zone.",
        "candidates.png": "Errors of the pairs of horizon and degree that the model was chosen from.",
        "sweep.png": "Errors against the degree, each at its best horizon.",
        "model.json": "the model: moduli, kernel, certificate; 'mdbridge export' writes it for others",
        "sweep.json": "the numbers of the sweep",
    },
    "fields": {
        "curves.png": "Stress, temperature and energy of the whole box, as LAMMPS's thermo output has them.",
        **{f"field_{name}.png": _caption(name, words) for name, words in _FIELDS.items()},
        "field_*.png": f"A field of one's own, {_AT_TIMES}{_NO_ATOMS}",
        "fields.h5": "all fields and curves with units and named axes; read by xarray",
        "vtk/": "a series for ParaView: open fields.pvd",
        "frames/": "frames as they were taken, which fields.h5 was made from",
        "lammps.log": "LAMMPS's own log, of the last segment",
    },
    "glass": {
        "stress_strain.png": "Stress against strain.",
        "maps_strain.png": "Local shear strain.",
        "maps_d2min.png": "Nonaffine motion, D²min.",
        "maps_energy.png": "Energy per atom, averaged in space.",
        "maps_energy_mean_composition.png": "The same, freed of what differences in composition make of it.",
        "maps_*.png": "A further field.",
        "flow.png": "Profiles across the box at the end: velocity beyond that of uniform shear, strain, "
        "temperature and density.",
        "quench.png": "Temperature and energy while the glass is made, and the energy of the quench over its "
        "temperature.",
        "ensemble_stress_strain.png": "Stress against strain of all samples, and their mean.",
        "ensemble_bands.png": "What the calibration starts from, the strain of the MD, and that of the "
        "calibrated model, of each sample; r is the correlation of the two strains.",
        "ensemble_predictors.png": "What tells, at rest, where the samples will shear: correlation with the "
        "strain, ± standard error, and what it gains on samples that it was not fitted to.",
        "chain_bands.png": "What the calibration starts from, the last strain of the MD and the model's, and "
        "the means of their rows; r is the correlation of two maps, p what it is worth.",
        "chain_stress.png": "Stress of the MD and of the calibrated model.",
        "chain_strain.png": "Strain of the MD, above, and of the calibrated model, below.",
        "chain_temperature.png": "Effective temperature: that which the MD's energies give, above, and that "
        "of the calibrated model, below.",
        "glass.h5": "all fields and curves with units and named axes; read by xarray",
        "calibrated.json": "the calibrated constants of the STZ model",
        "chain.h5": "fields and curves of the calibrated model, and the MD's at the same strains",
        "paper_format/": "the same fields as text, in the published format",
        "samples/": "the samples of an ensemble, a folder of results each",
        "glass/": "stages of melt and quench, from which a killed run goes on",
        "predictors/": "tests of the glass at rest: fields that may tell where it will shear",
        "sheared/": "stages of the shear, from which a killed run goes on; the trajectory if it is asked for",
        "calibration/": "the search for the constants, as of 'mdbridge calibrate'",
        "lammps.log": "LAMMPS's own log, of the last segment",
    },
    "shear": {
        "stress_strain.png": "Stress against strain.",
        "strain.png": "Local shear strain.",
        "chi.png": "Effective temperature.",
        "run.gif": "The run as an animation.",
        "run.h5": "all fields and curves with units and named axes; read by xarray",
        "vtk/": "a series for ParaView: open run.pvd",
    },
    "calibrate": {
        "curves_*.png": "Reference and calibrated model, with the band of what may be expected.",
        "fields_*.png": "Reference, calibrated model, and their difference.",
        "convergence.png": "The best parameters against the number of evaluations; of a study of all seeds.",
        "distance.png": "The distance of all trials in the order of evaluation, and the least so far; of a "
        "study, the least of every seed and the median of each scheme.",
        "pairs.png": "All trials, two parameters at a time.",
        "slices.png": "A smooth surrogate of few of the trials, along lines through the best, which a "
        "descent has found by the trials themselves and which need not be at the surrogate's least.",
        "sensitivity.png": "How much each parameter decides.",
        "optima.png": "Where the seeds of a study end, with their 95 % intervals.",
        "trials.jsonl": "every trial, one a line; 'mdbridge trials' shows it as a table",
        "analysis.json": "what the figures are drawn from",
        "best.h5": "reference and calibrated response",
        "reference.npz": "the run of the model, or of a function, that all trials are compared with",
        "study.json": "all seeds side by side",
        "trials/": "folders of single trials of a program",
        "failure.txt": "what the model said when it failed, with its traceback",
        "calibration.toml": "the input, as a campaign of a glass has made it",
        "reference.h5": "what a glass is calibrated to: its strain fields and its stress",
        "energy_*.h5": "energies of a glass at rest and at the end, of which the model makes temperatures",
        "*-seed-*/": "one seed of the study",
    },
    "graphene-study": {
        "study.md": "the tables, to read",
        "study.json": "the same numbers, for programs",
        "figures/": "figures of the study",
        "figures/study_sweeps.png": "Errors against the degree, each at its best horizon, at 0 K and 300 K; "
        "open: published.",
        "figures/study_influence.png": "Learned influence functions over their weighted volume: at 0 K and "
        "300 K, and at several loads.",
        "figures/study_dilatation.png": "Errors with an influence function of its own for the dilatation and "
        "without, against the horizon.",
        "figures/study_manufactured.png": "Loss and influence functions learned from K = 1/r itself, for "
        "several node spacings.",
        "0K/": "the campaign at 0 K",
        "0K-loud/": "the same under the paper's loads",
        "300K/": "the campaign at a finite temperature",
        "300K-seed-*/": "the same with another seed of the MD",
        "300K-no-twin/": "the same as the paper sampled, without a run at rest to subtract",
        "300K-no-twin-seed-*/": "that with another seed of the MD",
    },
}
"""Of each campaign: names or patterns, of folders with a slash -> what they are.  Figures have sentences."""

SOLVED = {
    "solution.json": "what there is to say of that solution: its nodes, moduli, forces of the supports",
    "solution.toml": "that problem as it was solved",
    "solution.h5": "a problem of one's own, solved: nodes, displacement, strain, stress, energy density",
    "figures/": "figures of that problem",
    "figures/solution.png": "Displacements and stresses of the problem that was solved.",
    "vtk/": "that problem for ParaView",
}
"""What 'mdbridge solve --problem' adds to a folder with a model."""


def meaning(campaign: str, name: str) -> str | None:
    """What a file or folder (with a slash at its end) of a campaign's results is; none if it is not ours."""
    if name.endswith(".svg"):
        of_png = meaning(campaign, f"{name.removesuffix('.svg')}.png")
        return None if of_png is None else "the same as lines and letters, for a journal"
    # a campaign's own words before those that hold everywhere
    known = EVERYWHERE | FILES.get(campaign, {})
    if campaign in ("graphene", "peridynamics"):
        known |= SOLVED
    # a name before a pattern
    return known.get(name) or next((text for pattern, text in known.items() if fnmatch(name, pattern)), None)


def listed(folder: Path, campaign: str) -> Iterator[tuple[str, str]]:
    """Names in a folder of results and what they are, in the order in which one wants to read them."""
    known = [*EVERYWHERE, *FILES.get(campaign, {}), *SOLVED]

    def place(name: str) -> int:
        shown = name.replace(".svg", ".png")  # beside the picture
        return next((n for n, pattern in enumerate(known) if fnmatch(shown, pattern)), len(known))

    # a slash tells a folder from a file to people and patterns alike
    names = [f"{path.name}/" if path.is_dir() else path.name for path in folder.iterdir()]
    for name in sorted(names, key=lambda name: (place(name), name)):
        if (text := meaning(campaign, name)) is not None:
            yield name, text


def describe(folder: Path, campaign: str) -> None:
    """Write README.txt, which names each file; one of somebody else's stays."""
    path = folder / README
    # a person may have notes under this name
    if path.exists() and not path.read_text(errors="replace").startswith(_MARK):
        return
    rows = list(listed(folder, campaign))
    width = max(len(name) for name, _ in rows) if rows else 0
    lines = [f"{name:{width}}  {text}" for name, text in rows]
    write_text(path, "\n".join([f'{_MARK} (campaign = "{campaign}")', "", *lines]) + "\n")

"""What one should know of a script and its results, on the screen and in ``summary.json``."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from mpi4py import MPI

from ..core.console import console
from . import language
from .script import RESTART, RESUMED, goes_on

_INNER = {
    **dict.fromkeys(("temp/sphere", "temp/asphere", "temp/body"), "rotations"),
    "temp/eff": "the radii of electrons",
}
"""Styles of temperatures that count more than the motion of centres, and what."""

_FIX_SEEDS: Mapping[str, int] = {
    **dict.fromkeys(("langevin", "langevin/eff", "gjf", "ffl", "gle", "gld", "nve/dotc/langevin"), 4),
    **dict.fromkeys(("evaporate", "bond/swap", "wall/flow"), 4),
    **dict.fromkeys(("langevin/drude", "langevin/spin", "tfmc"), 3),
    **dict.fromkeys(("brownian", "brownian/sphere", "brownian/asphere", "wall/reflect/stochastic"), 2),
    "srd": 5,
}
"""Style of a fix -> how far its seed is behind it.

Of those whose random numbers LAMMPS begins anew after a restart: others, as deposit, gcmc, widom, atom/swap
and temp/csvr, go on with theirs.
"""
_KEYWORD_SEEDS: Mapping[str, Mapping[str, int]] = {
    "append/atoms": {"random": 4, "temp": 3},
    "press/langevin": {"temp": 3},
    "sgcmc": {"randseed": 1},
    **{f"bond/{what}": {"prob": 2} for what in ("create", "create/angle", "break")},
    **{f"rigid{kind}": {"langevin": 4} for kind in ("", "/nve", "/small", "/nve/small")},
}
"""Style of such a fix -> keyword -> how far a seed is behind that."""
_PAIR_SEEDS: Mapping[str, int] = {
    **dict.fromkeys(("dpd", "dpd/ext", "dpd/fdt", "dpd/coul/slater/long", "mdpd", "tdpd"), 3),
    **dict.fromkeys(("dpd/tstat", "dpd/ext/tstat"), 4),
    **dict.fromkeys(("dpd/fdt/energy", "edpd"), 2),
    **dict.fromkeys(("brownian", "brownian/poly"), 7),
    "sdpd/taitwater/isothermal": 3,
}
"""Style of pairs -> how far its seed is behind it."""


def flows(text: str) -> bool:
    """Whether a script's box flows, and the temperature of its thermo output is not freed of that."""
    flowing = free = False
    for line in language.logical_lines(text):
        words = language.words(line)
        if words[:1] == ["fix"] and words[3:]:
            flowing |= "sllod" in words[3]
            flowing |= words[3].startswith("deform") and ("remap", "v") in itertools.pairwise(words)
        free |= words[:1] == ["thermo_modify"] and "temp" in words
    return flowing and not free


def counted(text: str) -> str:
    """What else than the motion of all atoms a script has LAMMPS's pressure count, in words; or nothing."""
    computes, chosen = {}, ""
    for line in language.logical_lines(text):
        words = language.words(line)
        if words[:1] == ["compute"] and words[3:]:
            computes[words[1]] = words[2:4]
        # which makes LAMMPS forget what was chosen
        if words[:1] == ["thermo_style"]:
            chosen = ""
        if words[:1] == ["thermo_modify"]:
            chosen = next((name for key, name in itertools.pairwise(words) if key == "temp"), chosen)
    group, style = computes.get(chosen, ["all", "temp"])
    if style in _INNER:
        return f"'thermo_modify temp {chosen}' ({style}) counts {_INNER[style]}, too"
    return "" if group == "all" else f"'thermo_modify temp {chosen}' counts group {group!r} alone"


def of_results(script: Path) -> list[str]:
    """What a reader of the results should know of a script.

    Of a flowing box: that LAMMPS's temperature and pressure of the whole of it hold the flow.  Of a
    temperature of a group, or of rotations: that they count another motion than the fields.
    """
    text, notes = script.read_text(errors="replace"), []
    if flows(text):
        notes.append(
            f"{script.name}: the box flows, and LAMMPS's temperature and pressure of the whole box "
            "(curves.png) hold that flow; 'compute ID all temp/deform' and 'thermo_modify temp ID' take it "
            "out. Fields of temperature and stress are about the local flow either way"
        )
    if what := counted(text):
        notes.append(
            f"{script.name}: {what}, and so do LAMMPS's temperature and pressure of the whole box "
            "(curves.png); the fields of temperature and stress count the motion of the centres of all "
            "atoms, and their means are others where that differs"
        )
    return notes


def tell_of_results(comm: MPI.Comm, script: Path) -> None:
    """Say on the screen what :func:`of_results` says."""
    for note in of_results(script) if comm.rank == 0 else ():
        console(comm).print(f"note: {note}", soft_wrap=True)


def begun_anew(text: str) -> list[str]:
    """What a script that goes on from restart files does again in each segment, though it is meant once.

    That are files which are begun anew, and random numbers that are drawn once more.
    """
    lines = [language.words(line) for line in language.logical_lines(text)]
    labels = [k for k, words in enumerate(lines) if words[:1] == ["label"]]
    told = []
    for words in lines[labels[-1] + 1 if labels else 0 :]:
        command, written = " ".join(words[:4]), words[5:6] if words[:1] == ["dump"] else []
        if words[:1] == ["fix"]:
            written = [name for key, name in itertools.pairwise(words[4:]) if key == "file"]
        # a name that changes with the step makes a file for each
        if any("*" not in name and "$" not in name for name in written):
            told.append(
                f"'{command} …' begins {written[0]} anew in each segment, and what earlier segments wrote is "
                "lost: put $(step) into its name"
            )
        told += [
            f"'{command} …' draws the same random numbers in each segment: write its seed as $({seed}+step)"
            for seed in _seeds(words)
        ]
    return told


def _seeds(words: Sequence[str]) -> list[str]:
    """The seeds of a command that are plain numbers, with which each segment begins anew."""
    places = []
    if words[:1] == ["fix"] and words[3:]:
        behind = _KEYWORD_SEEDS.get(words[3], {})
        places = [3 + _FIX_SEEDS[words[3]]] if words[3] in _FIX_SEEDS else []
        places += [place + behind[word] for place, word in enumerate(words) if word in behind]
    # of several in a hybrid, too
    if words[:1] == ["pair_style"]:
        places = [place + _PAIR_SEEDS[word] for place, word in enumerate(words) if word in _PAIR_SEEDS]
    return [words[place] for place in places if place < len(words) and words[place].isdigit()]


def tell_of_segments(comm: MPI.Comm, script: Path) -> None:
    """Say what each segment of a script that goes on begins anew."""
    for note in begun_anew(script.read_text(errors="replace")) if comm.rank == 0 else ():
        page = "(docs/fields.md, 'A script that goes on')"
        console(comm).print(f"note: {script.name}: {note} {page}", soft_wrap=True)


def tell_of_stops(comm: MPI.Comm, script: Path) -> None:
    """Say what stopping a run will cost, if its script cannot go on from a restart file."""
    if comm.rank == 0 and not goes_on(script.read_text(errors="replace")):
        console(comm).print(
            f"note: {script.name} does not use ${{{RESTART}}}: a run that is stopped begins anew. To have it "
            "go on: "
            f"""'if "${{{RESUMED}}} == 1" then "read_restart ${{{RESTART}}}" "jump SELF physics"' """
            "as its first line, and 'label physics' behind all that is done once (atoms, deletions, "
            "velocities, minimize, run), with pair style, timestep, computes and fixes once more behind it "
            "(docs/fields.md, 'A script that goes on')",
            soft_wrap=True,
        )

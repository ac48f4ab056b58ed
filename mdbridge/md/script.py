"""A user's own LAMMPS input script, run as it is; what LAMMPS rejects is shown with its line."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from mpi4py import MPI

from ..core import parallel
from ..core.console import console
from ..core.errors import InputError, MDError
from . import language, setup
from .language import files
from .session import Session, find_potentials

__all__ = [
    "RESTART",
    "RESUMED",
    "Left",
    "counted",
    "files",
    "flows",
    "goes_on",
    "of_results",
    "remaps",
    "require_dumps_kept",
    "require_going_on",
    "runs",
    "silence",
    "start",
    "tell_of_results",
    "tell_of_segments",
    "tell_of_stops",
]

RESTART = "restart"
"""LAMMPS variable with the restart file from which a script is to go on; ``none`` at first."""

RESUMED = "resumed"
"""LAMMPS variable that is 1 if there is one, else 0: LAMMPS's ``if`` cannot compare a path."""


_WALLS = ("colloid", "harmonic", "lj", "morse", "reflect", "srd", "table")
_IN_LATTICES = (
    *("append/atoms", "chunk/atom", "deform", "deposit", "indent", "move", "recenter"),
    *(f"wall/{kind}" for kind in _WALLS),
)
"""Styles of fixes and computes that measure in lattices unless they say 'units box'."""

_SEEING = ("ave/", "balance", "numdiff", "pair", "print", "property/atom", "reaxff/", "store/", "vector")
"""Styles of fixes that look and do not act, or only hold what others see."""

_INNER = {
    **dict.fromkeys(("temp/sphere", "temp/asphere", "temp/body"), "rotations"),
    "temp/eff": "the radii of electrons",
}
"""Styles of temperatures that count more than the motion of centres, and what."""

_SAME = 1e-9
"""Relative to the sum of the squares of velocities, what the order of a sum may change."""


@dataclass(frozen=True)
class Left:
    """Where a session was left: whether a script that goes on is where it was can be told from this.

    Attributes:
        step: the timestep.
        atoms: the number of atoms.
        motion: the sum of the squares of all velocities.
        lattice: the lattice's spacings along x, y and z, in which many commands measure; None if not known.
        fixes: styles of the script's fixes, by ID; None if not known.
        temperature: ID of the temperature that LAMMPS's pressure takes; None if not known.
    """

    step: int
    atoms: int
    motion: float
    lattice: Sequence[float] | None = None
    fixes: Mapping[str, str] | None = None
    temperature: str | None = None

    @classmethod
    def of(cls, session: Session) -> "Left":
        """As it is now, after a restart file is written, which takes atoms back into the box (collective)."""
        # the norm of all is not that of most: on each rank, then added up
        mine = float((session.atoms().v ** 2).sum())
        motion = session.comm.allreduce(mine)
        left = cls(session.step, session.natoms, motion, _lattice(session))
        if session.log is None:
            return left
        state = setup.read(session.comm, session, session.log)
        # ours are put in behind the script each time
        fixes = {name: style for name, style in state.fixes.items() if not name.startswith("mdbridge")}
        return replace(left, fixes=fixes, temperature=state.temperature)

    def require(self, session: Session, script: Path) -> None:
        """See that a script has gone on from here, and has done nothing once more (collective).

        Raises:
            InputError: it has made steps, atoms or velocities of its own, or has not set up again what acted.
        """
        now = Left.of(session)
        again = ""
        if now.step != self.step:
            again = f"it is at step {now.step}, the restart file at step {self.step}"
        elif now.atoms != self.atoms:
            again = f"it has {now.atoms:,} atoms, the restart file {self.atoms:,}"
        elif not np.isclose(now.motion, self.motion, rtol=_SAME, atol=0.0):
            again = "the velocities are not those of the restart file"
        if again:
            raise InputError(
                f"{script}: after 'read_restart' the script does again what is done once: {again}. Put the "
                "label to which it jumps behind all that makes or moves atoms (create_atoms, delete_atoms, "
                "velocity, minimize, run); only pair styles, the timestep, computes and fixes belong behind "
                "it. docs/fields.md, 'A script that goes on', shows it"
            )
        self._require_set_up(now, script)
        if self.lattice is not None and not np.allclose(_lattice(session), self.lattice, rtol=_SAME):
            self._require_no_lattice(session, script)

    def _require_set_up(self, now: "Left", script: Path) -> None:
        """Refuse a script whose fixes, of which LAMMPS sets none up by itself, are not there again."""
        for name, style in (self.fixes or {}).items():
            if now.fixes is not None and now.fixes.get(name) != style and not style.startswith(_SEEING):
                raise InputError(
                    f"{script}: 'fix {name} … {style}' acts at first, but not after 'read_restart', which "
                    "sets up no fix: put it behind the label, with all that is to act in each segment, or "
                    "'unfix' it before the label. docs/fields.md, 'A script that goes on', shows it"
                )
        if self.temperature is not None and now.temperature not in (None, self.temperature):
            raise InputError(
                f"{script}: LAMMPS's pressure takes the temperature {self.temperature!r} at first and "
                f"{now.temperature!r} after 'read_restart': put 'thermo_modify temp' behind the label, too"
            )

    def _require_no_lattice(self, session: Session, script: Path) -> None:
        """Refuse commands that measure in a lattice which is another one than at first."""
        session.lmp.flush_buffers()
        log = session.log
        line = ""
        if log is not None:
            line = measured_in_lattices(
                parallel.on_root(session.comm, lambda: setup.followed(log, session.folder))
            )
        if line:
            raise InputError(
                f"{script}: after 'read_restart' {line!r} measures in another lattice than at first, for "
                "'lattice' is among what is done once: put it behind the label, too, or say 'units box'"
            )


def measured_in_lattices(log: str) -> str:
    """The first command of a log that measures in lattices, as LAMMPS does unless it is told; or nothing."""
    for line in language.logical_lines(log):
        words = language.words(line)
        if ("units", "box") in itertools.pairwise(words):
            continue
        style = words[3] if words[:1] in (["fix"], ["compute"]) and words[3:] else ""
        lengths = not style.startswith("deform") or {"final", "delta", "vel", "wiggle"} & set(words)
        if (words[:1] == ["region"] and words[2:]) or (style.startswith(_IN_LATTICES) and lengths):
            return " ".join(words)
    return ""


def _lattice(session: Session) -> list[float]:
    return [float(session.lmp.extract_global(f"{axis}lattice")) for axis in "xyz"]


def goes_on(text: str) -> bool:
    """Whether a script can go on from a restart file: whether it uses the variable :data:`RESTART`."""
    return "${" + RESTART + "}" in text or f"v_{RESTART}" in text


def runs(text: str) -> bool:
    """Whether a script has runs or minimisations of its own, which may take hours before anything is seen."""
    return any(language.words(line)[:1] in (["run"], ["minimize"]) for line in language.logical_lines(text))


def remaps(script: Path, variables: Mapping[str, str | float]) -> bool:
    """Whether a script, or a file that it reads, says what a moving box does to its atoms ('remap')."""
    return any(b"remap" in path.read_bytes() for path in files(script, variables).values())


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


def start(
    comm: MPI.Comm, script: Path, log: Path, variables: Mapping[str, str | float], restart: Path | None
) -> Session:
    """A session in which ``script`` has been run.

    Args:
        comm: the ranks that run it.
        script: LAMMPS commands; all of LAMMPS's language, ``jump`` and ``include`` too.
        log: LAMMPS's log; it echoes every command.
        variables: become LAMMPS variables of style index.
        restart: value of the variable :data:`RESTART`; ``none`` if absent.

    Raises:
        MDError: LAMMPS rejected a command; the message has its own words and the line.
    """
    find_potentials()
    session = Session(comm, log)
    try:
        for name, value in {**variables, RESUMED: int(restart is not None)}.items():
            session.variable(name, value)
        # last, and as one word: a path with blanks must not become several
        session.variable(RESTART, str(restart.resolve()) if restart else "none", as_word=True)
        session.file(script)
        # a script that ends before it makes atoms would be observed for nothing
        if session.natoms == 0:
            raise InputError(f"{script}: makes no atoms")
    except BaseException:
        session.close()
        raise
    return session


def silence(session: Session) -> None:
    """Have what follows write none of the dumps and restart files that a script has asked for (collective).

    They are of its own run: a replay, or steps that are only timed, would write over those of it.
    """
    for name in session.lmp.available_ids("dump"):
        session.quietly(f"undump {name}")
    session.quietly("restart 0")


def require_dumps_kept(comm: MPI.Comm, script: Path, variables: Mapping[str, str | float]) -> None:
    """Refuse to try a script whose own steps would dump over what is there (collective).

    Raises:
        InputError: so they would.
    """
    over = parallel.on_root(comm, lambda: sorted(language.dumped(script, variables)))
    if over:
        raise InputError(
            f"--dry-run runs {script.name} up to its end, whose own steps would dump over {over[0].name}, "
            "which is there. Move it away first, or define the dump after the last 'run'"
        )


def require_going_on(
    comm: MPI.Comm, again: Callable[[], Session], left: Left, script: Path, frames: int
) -> None:
    """Begin as a second segment will, for a step: what would end it after hours is told now (collective).

    Args:
        comm: the ranks.
        again: starts the script with a restart file.
        left: where the session was left that wrote it.
        script: for messages.
        frames: of the first segment.

    Raises:
        InputError: LAMMPS refuses the script when it goes on, or it does again what is done once.
    """
    # said before: an error on one rank alone ends all of them with LAMMPS's own words and no others
    console(comm).print(f"seeing whether {script.name} goes on from a restart file", soft_wrap=True)
    try:
        with again() as session:
            silence(session)
            left.require(session, script)
            session.run(1, "post no")
    except MDError as error:
        raise InputError(
            f"{script} runs, but does not go on from a restart file, as it would have to after "
            f"checkpoint.every_frames = {frames} frames: {error}"
        ) from error

"""Cu50Zr50 in LAMMPS: from a crystal through the melt to a glass, and what shears it.

Every stage starts from the restart file that the one before it left, also in a
run that was never interrupted: LAMMPS's sums depend on the order of the atoms
in memory, so only then does a resumed run repeat an uninterrupted one exactly
(on as many ranks).
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from mpi4py import MPI

from ..core.errors import InputError
from ..core.units import BAR_IN_GPA
from .observe.curves import COLUMNS, Curves
from .observe.material import BoxMotion
from .observe.schedule import every
from .session import Session

LATTICE = 3.27
"""Edge of the cubic cell of the CuZr crystal (B2) that is melted (Å)."""


def physics(session: Session, potential: Path, timestep: float) -> str:
    """The commands that say what the atoms are, and how they pull."""
    return f"""
        pair_style eam/fs
        pair_coeff * * {session.word(potential)} Cu Zr
        timestep {timestep}
        thermo 1000000000
        """


def crystal(
    comm: MPI.Comm,
    cells: tuple[int, int, int],
    temperature: float,
    seed: int,
    potential: Path,
    timestep: float,
) -> Session:
    """A periodic B2 crystal of ``cells`` cubic cells (two atoms each), heated for melting.

    Args:
        temperature: to which it settles (K); half of the kinetic energy goes into the lattice.
        seed: of the velocities, which do not depend on the number of ranks.
        timestep: (ps).
    """
    session = Session(comm)
    nx, ny, nz = cells
    session.commands(f"""
        units metal
        suffix opt
        atom_modify map array
        lattice bcc {LATTICE}
        region whole prism 0 {nx} 0 {ny} 0 {nz} 0 0 0
        create_box 2 whole
        create_atoms 1 box basis 1 1 basis 2 2
        {physics(session, potential, timestep)}
        velocity all create {2 * temperature} {seed} loop geom mom yes
        """)
    return session


def resume(comm: MPI.Comm, restart: Path, potential: Path, timestep: float) -> Session:
    """The state of a restart file, ready for a fix that moves the atoms."""
    session = Session(comm)
    session.commands(f"suffix opt\natom_modify map array\nread_restart {session.word(restart)}")
    # what sgcmc asks for must not meet a shear
    if not session.lmp.extract_setting("triclinic"):
        session.commands("change_box all triclinic")
    session.commands(physics(session, potential, timestep))
    return session


def at_pressure(session: Session, start: float, end: float) -> None:
    """Zero pressure, the box keeping its shape; from temperature ``start`` to ``end`` (K) in the next run."""
    # damping times of 0.1 ps for the temperature and of 1 ps for the pressure
    session.commands(f"fix motion all npt temp {start} {end} 0.1 iso 0.0 0.0 1.0")


def watch_melting(session: Session) -> None:
    """Have LAMMPS follow how far the atoms move from here on."""
    session.commands("compute travel all msd com yes")


def check_molten(session: Session) -> None:
    """Make sure that the atoms have left their places in the crystal.

    Raises:
        InputError: they have not: the crystal was superheated, and a quench would keep it.
    """
    # the compute is evaluated by a run alone
    session.run(0, "post no")
    travelled = float(session.lmp.numpy.extract_compute("travel", 0, 1)[3]) ** 0.5
    if travelled < LATTICE:
        raise InputError(
            f"'md.melt_K', 'md.melt_ps': the crystal has not melted: its atoms have moved by {travelled:.1f} "
            "Å, less than a lattice cell; raise the temperature (3000 K melts it in 4 ps) or the duration"
        )


def at_volume(session: Session, temperature: float) -> None:
    """The box as it is, at ``temperature`` (K)."""
    session.commands(f"fix motion all nvt temp {temperature} {temperature} 0.1")


def in_shear(session: Session, temperature: float, rate: float, begin: bool) -> None:
    """Simple shear, x along y, by the SLLOD equations.

    Args:
        rate: dγ/dt (1/ps).
        begin: give the atoms the velocity of the box at their places, once.
    """
    # without it the atoms would be dragged along by the box's boundary, and a wave would run through the
    # sample
    if begin:
        session.commands(f"variable top equal {rate}*ly")
        session.commands("velocity all ramp vx 0 ${top} y $(ylo) $(yhi) sum yes units box")
    session.commands(f"""
        fix deform all deform 1 xy erate {rate} remap v
        fix motion all nvt/sllod temp {temperature} {temperature} 0.1
        compute thermal all temp/deform
        thermo_modify temp thermal
        """)


STRAINED = [(kind, sign) for kind in ("xy", "volume") for sign in (1, -1)]
"""The runs that moduli are made of: in shear and in volume, to both sides."""


def strained_pressure(
    comm: MPI.Comm,
    restart: Path,
    potential: Path,
    timestep: float,
    temperature: float,
    kind: str,
    strain: float,
    duration: float,
) -> tuple[float, float]:
    """Mean pressure (bar) of the state in ``restart`` under a small strain, and its standard error.

    The sample is deformed homogeneously, held for half of ``duration`` (ps) at
    ``temperature``, and its pressure averaged over the other half: of "xy" the shear
    component, of "volume" the mean of the normal ones.
    """
    parts = ["xy"] if kind == "xy" else ["xx", "yy", "zz"]
    with resume(comm, restart, potential, timestep) as session:
        _deform(session, kind, strain)
        return _mean_pressure(session, parts, temperature, duration)


def moduli(pressure: Callable[[str, int], tuple[float, float]], strain: float) -> dict[str, float]:
    """Shear and bulk modulus (GPa) of a sample, from its pressures at ± ``strain``.

    Nothing of the shear run or of its observers' fields enters.

    Args:
        pressure: of each of :data:`STRAINED` the mean and its error (bar), see :func:`strained_pressure`.

    Returns:
        ``mu_GPa``, ``bulk_GPa``, and of each the scatter, from blocks of the averages,
        ``mu_error_GPa``, ``bulk_error_GPa``.
    """
    results = {}
    for name, kind in (("mu", "xy"), ("bulk", "volume")):
        (above, error), (below, other) = (pressure(kind, sign) for sign in (1, -1))
        # stress is minus pressure, and the volume's strain is ± strain itself
        results[f"{name}_GPa"] = -BAR_IN_GPA * (above - below) / (2 * strain)
        results[f"{name}_error_GPa"] = BAR_IN_GPA * (error**2 + other**2) ** 0.5 / (2 * strain)
    return results


def _deform(session: Session, kind: str, amount: float) -> None:
    if kind == "xy":
        change = f"xy delta $({amount}*ly)"
    else:
        # amount is the change of the volume
        scale = (1 + amount) ** (1 / 3)
        change = f"x scale {scale} y scale {scale} z scale {scale}"
    session.commands(f"change_box all {change} remap units box")


def _mean_pressure(
    session: Session, parts: list[str], temperature: float, duration: float
) -> tuple[float, float]:
    """Mean of components of the pressure (bar) over the second half of a run, and its standard error."""
    at_volume(session, temperature)
    motion = BoxMotion()
    record = Curves(motion)
    steps = round(duration / session.lmp.extract_global("dt"))
    session.attach(motion, every(1))
    session.attach(record, every(5))
    session.run(steps, "post no")
    columns = [COLUMNS.index(f"p{part}") for part in parts]
    # the first half of the run is for the sample to settle
    second = [sum(row[c] for c in columns) / len(columns) for row in record.rows[len(record.rows) // 2 :]]
    return block_mean(second)


def block_mean(values: Sequence[float], blocks: int = 4) -> tuple[float, float]:
    """The mean of a series whose neighbours share their noise, and its standard error.

    The error is that of the means of ``blocks`` equal blocks, which are long enough to
    be independent; what does not fill a block at the end is left out.
    """
    size = len(values) // blocks
    means = [sum(values[k * size : (k + 1) * size]) / size for k in range(blocks)]
    mean = sum(means) / blocks
    error = (sum((m - mean) ** 2 for m in means) / (blocks * (blocks - 1))) ** 0.5
    return mean, error

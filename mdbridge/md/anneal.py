"""Deeper glasses: what lowers the energy of a quenched glass further than waiting does.

Monte Carlo moves that exchange types let the composition find its places, which diffusion
is too slow for [Parmar, Ozawa, Berthier 2020; Sadigh et al., Phys. Rev. B 85, 184203];
cyclic shear below yield lowers the energy with the logarithm of the cycles.
"""

import numpy as np

from ..core.errors import InputError, MDError
from .session import Session

SWAP_EVERY, SWAPS = 10, 10
"""Steps between two bursts of exchanges, and attempts in each: every attempt costs the forces of a step."""
MC_EVERY, MC_FRACTION = 10, 1.0
"""Steps between two bursts of changes of type, and attempts in each, in parts of the number of atoms."""
MC_COST = 2.5
"""What such a burst costs, in steps (measured: 0.23 steps for a tenth of 2,000 atoms)."""
VARIANCE = 1.0e3
"""How strongly the composition is held, κ of Sadigh et al. (2012), as in LAMMPS's fix sgcmc."""
TRIES = 20
"""Atoms of each type that are changed to see what that takes."""
BALANCE_COST = 4.0 * TRIES
"""What this costs, in steps: each of 2 TRIES energies begins a run anew (measured: 2.0 steps each)."""
PERIOD = 4000
"""Steps of a cycle of shear."""


def exchanging(session: Session, temperature: float, seed: int) -> None:
    """Exchange atoms of the two types at ``temperature`` (K) in the next run; their numbers stay."""
    session.commands(f"fix exchange all atom/swap {SWAP_EVERY} {SWAPS} {seed} {temperature} types 1 2")


def stand_upright(session: Session) -> None:
    """Make the box one that cannot lean, which :func:`changing` asks for; before any fix is given.

    :func:`.cuzr.resume` makes it one that can again.
    """
    session.commands("change_box all ortho")


def balance(session: Session, seed: int) -> float:
    """Chemical potentials apart (eV) so that types change either way about as easily (collective).

    Half of the mean energy of changing an atom of type 2 less that of changing one of type 1, its
    surroundings left as they are: of some atoms a mean is known better than the rare ones that are accepted,
    and the hold on the composition does the rest.  Without it all atoms would become of the type with the
    lower energy until that hold stops them, and then none would change at all.

    Args:
        session: the sample; nothing of it is changed.  Fixes that go on from a restart file must be given
            before: the first run, which this begins, ends what the file holds for them.
        seed: chooses the atoms.

    Raises:
        InputError: there are no atoms of one of the two types.
    """
    kinds, ids = session.gather("type", 1).astype(int).ravel(), session.ids()
    random = np.random.default_rng(seed)

    def energy() -> float:
        session.run(0, "post no")
        return float(session.lmp.get_thermo("pe"))

    rest, mean = energy(), {}
    for kind, other in ((1, 2), (2, 1)):
        own = ids[kinds == kind]
        if not len(own):
            raise InputError(f"'glass.anneal' = 'sgcmc': there are no atoms of type {kind} to change")
        taken = random.choice(own, min(TRIES, len(own)), replace=False)
        needed = []
        for atom in taken.tolist():
            session.quietly(f"set atom {atom} type {other}")
            needed.append(energy() - rest)
            session.quietly(f"set atom {atom} type {kind}")
        mean[kind] = float(np.mean(needed))
    return 0.5 * (mean[2] - mean[1])


def changing(session: Session, temperature: float, seed: int, between: float) -> None:
    """Change types of single atoms at ``temperature`` (K), the composition held about one half.

    Args:
        session: the sample.
        temperature: of the Monte Carlo moves (K).
        seed: of these.
        between: difference of the chemical potentials (eV), see :func:`balance`.

    Raises:
        MDError: this LAMMPS has no 'fix sgcmc'.
    """
    session.commands(
        f"fix exchange all sgcmc {MC_EVERY} {MC_FRACTION} {temperature} {between!r} randseed {seed} "
        f"variance {VARIANCE} 0.5"
    )


def cycling(session: Session, amplitude: float, temperature: float, timestep: float) -> None:
    """Shear to and fro, x along y, by ± ``amplitude``; after whole cycles the box is what it was.

    Args:
        amplitude: largest strain.
        temperature: of the sample (K).
        timestep: (ps).
    """
    # places are carried along, not velocities: at the turns and at the end nothing is left that flows
    session.commands(f"""
        fix deform all deform 1 xy wiggle $({amplitude!r}*ly) {PERIOD * timestep} remap x units box
        fix motion all nvt temp {temperature} {temperature} 0.1
        """)


def require(session: Session, way: str) -> None:
    """Refuse a way of annealing that this LAMMPS cannot go, before hours of quenching.

    Args:
        session: the sample, before any fix is given.
        way: of annealing.

    Raises:
        InputError: LAMMPS was built without it, or it is not for a box of this size.
    """
    style = {"swap": "atom/swap", "sgcmc": "sgcmc"}.get(way)
    if style is not None and not session.lmp.has_style("fix", style):
        raise InputError(
            f"'glass.anneal' = {way!r}: the installed LAMMPS has no 'fix {style}' (package MC); "
            "anneal in another way, or take a LAMMPS with this package"
        )
    if way == "sgcmc":
        _try_changing(session)


def _try_changing(session: Session) -> None:
    """Each rank's part of the box must be several cutoffs wide, as LAMMPS finds when it tries to change."""
    stand_upright(session)
    # no attempts: nothing is changed
    session.commands(f"fix exchange all sgcmc 1 0.0 1.0 0.0 randseed 1 variance {VARIANCE} 0.5")
    try:
        session.run(1, "post no")
    except MDError as error:
        raise InputError(
            f"'glass.anneal' = 'sgcmc': LAMMPS cannot for this sample ({error}): each rank's part of the "
            "box must be four cutoffs wide, along z too; raise 'md.cells', or anneal in another way"
        ) from error
    session.commands("unfix exchange\nchange_box all triclinic\nreset_timestep 0")


def cost_of_a_step(way: str) -> float:
    """What a step with its share of the exchanges costs, in evaluations of all forces."""
    if way == "swap":
        # each attempt computes the energy of the whole sample
        return 1.0 + SWAPS / SWAP_EVERY
    return 1.0 + MC_COST / MC_EVERY

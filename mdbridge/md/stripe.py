"""A rejuvenated stripe: a layer of a glass molten and quenched again while the rest is held cold.

It makes a glass of which one knows where it will shear: where it is less relaxed.  The
box may change its height alone, at no pressure along y: the rest keeps the other two
edges as they are, and a melt that must expand does so against nothing.
"""

from ..core.errors import InputError
from .session import Session

NEIGHBOURS = 2.7
"""How far apart the nearest atoms of CuZr are (Å): a melt has moved at least that far."""
_STRIPE, _HELD = "rejuvenated", "held"
_DAMPING = 0.1
"""Time in which each atom comes to the temperature of its part (ps)."""


def mark(session: Session, centre: float, height: float) -> None:
    """Make two groups, which restart files keep: the atoms of the stripe now, and all others.

    Args:
        session: a simulation in a periodic box.
        centre, height: of the stripe along y, in parts of the box; it goes around the boundary.
    """
    low, high = (centre - 0.5 * height) % 1.0, (centre + 0.5 * height) % 1.0
    # around the boundary a stripe is two layers of the box
    layers = [(low, high)] if low < high else [(low, 1.0), (0.0, high)]
    for number, (begin, end) in enumerate(layers):
        edges = f"$(ylo+{begin!r}*ly) $(ylo+{end!r}*ly)"
        session.commands(f"""
            region layer{number} block INF INF {edges} INF INF units box
            group {_STRIPE} region layer{number}
            region layer{number} delete
            """)
    session.commands(f"group {_HELD} subtract all {_STRIPE}")


def hold_apart(session: Session, start: float, end: float, held: float, seed: int) -> None:
    """The stripe goes from ``start`` to ``end`` (K) in the next run, the rest stays at ``held``.

    Each atom has a thermostat of its own (Langevin's), or the heat of the melt would go
    into the rest.  The forces of the thermostats add up to none, so nothing drifts.
    """
    session.commands(f"""
        fix motion all nph y 0.0 0.0 1.0
        fix hot {_STRIPE} langevin {start} {end} {_DAMPING} {seed} zero yes
        fix cold {_HELD} langevin {held} {held} {_DAMPING} {seed + 1} zero yes
        """)


def watch(session: Session) -> None:
    """Have LAMMPS follow how far the atoms of the stripe and of the rest move from here on."""
    for group in (_STRIPE, _HELD):
        session.commands(f"compute travel_{group} {group} msd")


def check_molten(session: Session) -> None:
    """Make sure that the atoms of the stripe, and they alone, have left their places.

    Raises:
        InputError: they have not, so that nothing was rejuvenated; or the rest has melted too.
    """
    # the computes are evaluated by a run alone
    session.run(0, "post no")
    stripe, rest = (
        float(session.lmp.numpy.extract_compute(f"travel_{group}", 0, 1)[3]) ** 0.5
        for group in (_STRIPE, _HELD)
    )
    if stripe < NEIGHBOURS:
        raise InputError(
            f"'glass.stripe.melt_K', 'glass.stripe.melt_ps': the stripe has not melted: its atoms have moved "
            f"by {stripe:.1f} Å, less than the distance of neighbours, {NEIGHBOURS} Å; raise the temperature "
            "(3000 K melts it in 5 ps) or the duration"
        )
    if rest > NEIGHBOURS:
        raise InputError(
            f"'glass.stripe': the rest of the glass, which is held at 'md.temperature_K', has melted with "
            f"the stripe: its atoms have moved by {rest:.1f} Å; lower 'md.temperature_K' or 'height'"
        )


def come_to_rest(session: Session) -> None:
    """Take away what the thermostats of the two parts have left of a common motion."""
    session.commands("velocity all zero linear")

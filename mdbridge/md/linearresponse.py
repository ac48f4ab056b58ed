"""What a crystal does under a load that is small enough for it to be linear."""

from math import ceil, log2

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ConvergenceError
from .loads import Load
from .relax import Crystal

Array = NDArray[np.float64]

_PROBE = 1e-4  # of the response to a force of unit size, small enough for bonds not to turn
_HALVINGS = 10


def scaled(load: Load, crystal: Crystal, strain: float) -> Array:
    """Forces ``(n, 2)`` (eV/Å) of ``load``, scaled to a largest bond strain of ``strain``."""
    force = load.on(crystal.reference, crystal.masses)
    probe = _PROBE * crystal.respond(force)
    return force * (_PROBE * strain / crystal.bond_strain(probe))


def linear_response(
    load: Load, crystal: Crystal, strain: float, tolerance: float, nonlinear: float
) -> tuple[Array, Array]:
    """Relax under ``load``, lowered by halves until the crystal is as stiff as under a vanishing one.

    With most potentials a bond strain of 0.002 changes the stiffness by a thousandth, and nothing is
    lowered.  AIREBO's has a kink at rest: its change is in proportion to the strain, and is 15 % there.

    Args:
        strain: largest bond strain.
        tolerance: largest force component left (eV/Å).
        nonlinear: largest relative change of the compliance that is let pass.

    Returns:
        Forces (eV/Å) and displacements (Å), both ``(n, 2)``; the atoms are there.

    Raises:
        ConvergenceError: no load, however small, leaves the stiffness as it is.
    """
    force = scaled(load, crystal, strain)
    linear = crystal.respond(force)
    displacement = crystal.relax(force, tolerance)
    change = abs(_compliance(displacement, linear) - 1.0)
    if change <= nonlinear:
        return force, displacement
    # Either the load is too large, or the Hessian is cut where forces are small: loads alone will tell.
    # At a kink the change is in proportion to the load, which says where to begin.
    factor = 2.0 ** (1 - ceil(log2(change / nonlinear)))
    before = _compliance(crystal.relax(factor * force, tolerance), factor * linear)
    for _ in range(_HALVINGS):
        factor /= 2
        displacement = crystal.relax(factor * force, tolerance)
        compliance = _compliance(displacement, factor * linear)
        # what half the load has changed is what is left at a kink, and more than is left elsewhere
        change, before = abs(compliance - before), compliance
        if change <= nonlinear:
            return factor * force, displacement
    raise ConvergenceError(
        f"load {load.name}: at a bond strain of {crystal.bond_strain(displacement):.1e} the stiffness still "
        f"changes by {change:.1%} when the load is halved, above 'md.max_nonlinearity' = {nonlinear:g}; "
        "the model is linear, and this crystal is not"
    )


def _compliance(displacement: Array, linear: Array) -> float:
    """The part of a displacement along the linear one, over it."""
    return float(np.vdot(displacement, linear) / np.vdot(linear, linear))

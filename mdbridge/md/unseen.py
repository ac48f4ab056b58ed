"""Loads that no choice of a model has seen: of random shapes and places, by a seed.

Their kinds are unlike the standing waves and discs of [You2022]: random fields of several correlation
lengths, pairs of opposite bumps, pairs of single atoms, and bumps in a sheet that has a vacancy elsewhere.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .loads import Field, Load

Array = NDArray[np.float64]

RANDOM, DIPOLE, PAIR, VACANCY = "random", "dipole", "pair", "vacancy"
LENGTHS = (5.0, 8.0, 11.0, 15.0, 20.0)
"""Correlation lengths of the random fields (Å)."""
_EACH = 4  # random fields of each length
_COUNTS = {DIPOLE: 12, PAIR: 8, VACANCY: 8}
_BUMP = 6.0  # standard deviation of a bump (Å)
_APART = (0.15, 0.4)  # of the box's shorter edge: distances of the two of a pair


def unseen(box: Array, seed: int) -> list[Load]:
    """48 loads in the periodic ``box`` ``(2,)`` (Å); the same for the same seed, whatever the box's units.

    Args:
        box: edges of the sheet.
        seed: of all that is drawn.
    """
    loads = [
        Load(f"{RANDOM}-{length:g}-{n}", _record(0, length), _random_field(box, length, _draw(seed, 0, i, n)))
        for i, length in enumerate(LENGTHS)
        for n in range(_EACH)
    ]
    for kind, (name, count) in enumerate(_COUNTS.items(), 1):
        for n in range(count):
            random = _draw(seed, kind, n, 0)
            # what has a vacancy half a box away is loaded near the middle alone
            loads.append(Load(f"{name}-{n}", _record(kind, _BUMP), _opposite(box, name, random)))
    return loads


def vacancy_site(box: Array) -> Array:
    """Where an atom is missing: the corner of the box, as far from its middle as there is."""
    return 0.5 * np.asarray(box)


def _record(kind: int, length: float) -> dict[str, float]:
    return {"kind": float(kind), "length_A": length}


def _draw(seed: int, *numbers: int) -> np.random.Generator:
    # by its own numbers: a load does not depend on how many were drawn before it
    return np.random.default_rng([seed, *numbers])


def _random_field(box: Array, length: float, random: np.random.Generator) -> Field:
    """Both components normal with the correlation exp(−r²/ℓ²), as a Fourier series of the box."""
    reach = [int(4.0 / length * edge / (2 * np.pi)) + 1 for edge in box]
    numbers = np.array(
        [(i, j) for i in range(reach[0] + 1) for j in range(-reach[1], reach[1] + 1) if i > 0 or j > 0]
    )
    k = 2 * np.pi * numbers / box
    size = np.exp(-((np.linalg.norm(k, axis=1) * length) ** 2) / 8)
    cosine, sine = random.standard_normal((2, len(k), 2)) * size[:, None]

    def shape(x: Array) -> Array:
        phase = x @ k.T
        return np.asarray(np.cos(phase) @ cosine + np.sin(phase) @ sine)

    return shape


def _opposite(box: Array, kind: str, random: np.random.Generator) -> Field:
    """Two opposite forces, of bumps or of single atoms."""
    distance = random.uniform(*_APART) * min(box)
    towards, force = random.uniform(0, 2 * np.pi, 2)
    middle = np.zeros(2) if kind == VACANCY else random.uniform(-0.5, 0.5, 2) * box
    half = 0.5 * distance * np.array([np.cos(towards), np.sin(towards)])
    if kind == VACANCY:
        half *= 0.5
    direction = np.array([np.cos(force), np.sin(force)])

    def shape(x: Array) -> Array:
        value = np.zeros(len(x))
        for sign in (1, -1):
            away = x - (middle + sign * half)
            away = away - box * np.rint(away / box)
            square = (away**2).sum(axis=1)
            if kind == PAIR:
                value[int(square.argmin())] += sign
            else:
                value += sign * np.exp(-0.5 * square / _BUMP**2)
        return value[:, None] * direction

    return shape


def kind_of(name: str) -> str:
    """The kind of a load, and of random fields their length, from its name."""
    return name.rpartition("-")[0]


def kinds(names: Sequence[str]) -> list[str]:
    """All kinds, in their order."""
    return list(dict.fromkeys(kind_of(name) for name in names))

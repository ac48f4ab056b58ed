"""Fields of running simulations equal numpy on gathered atoms, however many ranks there are."""

from pathlib import Path

import pytest
from fields_job import CASES
from launch import launch

JOB = Path(__file__).with_name("fields_job.py")
# test_glass_mpi.py has fields on two ranks among the fast ones
pytestmark = [pytest.mark.mpi, pytest.mark.slow]

FLIPPED = {"shear, remap x", "shear, remap v", "all tilts", "two dimensions"}


def differences(ranks, *names):
    job = launch(JOB, ranks, *names)
    assert job.returncode == 0, job.stderr
    worst = {}
    for line in job.stdout.splitlines():
        name, _, rest = line.partition(" | ")
        words = rest.split()
        worst[name] = dict(zip(words[::2], map(float, words[1::2]), strict=True))
    assert worst.keys() == set(names)
    return worst


def check(worst):
    for name, fields in worst.items():
        assert fields.pop("flipped") == (name in FLIPPED)
        assert len(fields) >= 11
        # densities: the reference integrates its kernels by quadrature
        bad = {k: v for k, v in fields.items() if not v < 1e-10}
        assert not bad, f"{name}: {bad}"


def test_all_fields_equal_numpy_on_one_rank():
    check(differences(1, *CASES))


@pytest.mark.parametrize(
    ("ranks", "names"),
    [
        (2, ["shear, remap x", "all tilts", "npt", "wire", "laboratory"]),
        (4, ["shear, remap v", "two dimensions"]),
    ],
)
def test_all_fields_equal_numpy_on_several_ranks(ranks, names):
    check(differences(ranks, *names))


def test_memory_of_a_rank_does_not_grow_with_the_number_of_ranks():
    alone, *_ = grown(1)
    first, *others = grown(4)
    # what rank 0 keeps of the frame it keeps alone, too; the sum over ranks takes no grid for each of them
    assert first < alone + 0.5
    assert max(others) < 3.0


def grown(ranks):
    """In grids of all sums."""
    job = launch(JOB.with_name("memory_job.py"), ranks)
    assert job.returncode == 0, job.stderr
    return [float(word) for word in job.stdout.split()]

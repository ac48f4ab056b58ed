"""What is missing is said in a line, with what to install."""

import pickle

import pytest

from mdbridge.core.errors import MdbridgeError, MissingPackageError
from mdbridge.core.requires import requires


def test_a_package_that_is_not_installed():
    with pytest.raises(MissingPackageError) as failure, requires("nowhere", "the trip"):
        import nowhere  # noqa: F401
    assert str(failure.value).startswith(
        "the trip needs nowhere, which is not installed: 'pip install nowhere'"
    )
    assert "\n" not in str(failure.value)
    assert failure.value.name == "nowhere"


@pytest.mark.parametrize("kind", [ImportError, OSError, RuntimeError, AttributeError, SyntaxError])
def test_a_package_that_does_not_find_its_libraries(kind):
    with (
        pytest.raises(MissingPackageError, match=r"cannot be imported \(libpetsc.so: not there\): .*PETSc"),
        requires("petsc4py", "solving"),
    ):
        raise kind("libpetsc.so:\n  not there")


def test_a_package_that_needs_another_one():
    with (
        pytest.raises(MissingPackageError, match=r"botorch, which cannot be imported \(.*nowhere"),
        requires("botorch", "calibration"),
    ):
        import nowhere  # noqa: F401


def test_what_went_right_and_a_signal_pass():
    with requires("math", "nothing"):
        import math
    assert math.pi > 3
    with pytest.raises(KeyboardInterrupt), requires("math", "nothing"):
        raise KeyboardInterrupt


def test_callers_can_catch_it_as_either_kind_and_send_it():
    error = MissingPackageError("a needs b", name="b")
    assert isinstance(error, MdbridgeError) and isinstance(error, ImportError)
    assert error.exit_code == 1
    assert str(pickle.loads(pickle.dumps(error))) == "a needs b"

"""What all tests have in common."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Count lines (``--cov``) in fast tests alone: slow ones take a quarter longer, and tell little more."""
    for item in items:
        if item.get_closest_marker("slow") is not None:
            item.add_marker(pytest.mark.no_cover)

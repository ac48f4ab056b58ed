"""The files of a campaign: names that no other file has, made by commands that there are."""

import pytest

from mdbridge import cli
from mdbridge.campaigns.glass import formats
from mdbridge.core.store import Format

FORMATS = [value for value in vars(formats).values() if isinstance(value, Format)]


def test_every_format_has_a_name_of_its_own():
    assert len(FORMATS) >= 2
    assert len({kind.name for kind in FORMATS}) == len(FORMATS)
    assert all(kind.name.startswith("mdbridge-") for kind in FORMATS)


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_what_makes_them_is_a_command(kind):
    program, command = kind.made_by.split()
    assert program == "mdbridge"
    assert command in {registered.callback.__name__ for registered in cli.app.registered_commands}
    assert kind.version >= 1 and (kind.oldest or kind.version) <= kind.version

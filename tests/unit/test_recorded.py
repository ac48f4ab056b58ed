"""Small campaigns of every kind come to the numbers, words and figures that they came to before.

Whoever means to change some of them runs these with MDBRIDGE_RECORD=1, which writes them anew, and looks at
what is different with git before it is committed.
"""

import json
import os
from pathlib import Path

import pytest
import recorded
from recorded_inputs import JOBS, estimated

from mdbridge.campaigns import contents

FOLDER = Path(__file__).parent / "kept"
TOLERANCE = dict.fromkeys(("search", "schemes"), 0.02) | dict.fromkeys(("discrepancy", "glasses"), 0.1)
"""Relative, where it is not 1e-5: a surrogate's fit depends by so much on what ran in the process before, and
atoms that have been molten on the last digit of a processor's sums."""


@pytest.mark.parametrize("name", JOBS)
def test_a_campaign_comes_to_what_it_came_to_before(name, tmp_path):
    make, commands = JOBS[name]
    make(tmp_path)
    printed = recorded.run(tmp_path, *commands).replace(str(tmp_path), "")
    now = recorded.digest(tmp_path) | {"printed": recorded.words(printed)}
    assert not list(unexplained(tmp_path))
    compare(name, now)


def unexplained(folder):
    """What stands in folders of results, and neither README.txt nor index.html says what it is."""
    for manifest in folder.rglob("mdbridge.json"):
        campaign = json.loads(manifest.read_text())["campaign"]
        for path in manifest.parent.iterdir():
            name = f"{path.name}/" if path.is_dir() else path.name
            if name not in (contents.README, ".lock") and contents.meaning(campaign, name) is None:
                yield str(path.relative_to(folder))


def compare(name, now):
    path = FOLDER / f"{name}.json"
    if os.environ.get("MDBRIDGE_RECORD"):
        path.write_text(recorded.written(now))
    kept = json.loads(path.read_text())
    differ = list(recorded.differences(kept, now, TOLERANCE.get(name, 1e-5)))
    assert not differ, f"{len(differ)} places differ from {path}:\n" + "\n".join(differ[:20])


def test_what_a_campaign_would_take_is_what_it_was_before_by_the_same_clock(tmp_path):
    commands = estimated(tmp_path)
    now = {}
    for name, command in commands.items():
        printed = recorded.run(tmp_path, command, watch=recorded.watch())
        now[name] = recorded.words(printed.replace(str(tmp_path), ""), recorded.MEMORY)
    compare("estimates", now)

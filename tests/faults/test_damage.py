"""Files that are read back, with a bit flipped, cut short or emptied: seen, and made again or refused."""

import os
import random
import shutil

import forked
import pytest
import small_inputs
from launcher import OF_THE_RUN, near, results

CASES = int(os.environ.get("MDBRIDGE_FAULT_CASES", "3"))
"""Damaged files of each family; by hand 100."""
SEED = os.environ.get("MDBRIDGE_FAULT_SEED", "")
"""Other damages than the usual ones."""
FAMILIES = ("observe", "glass") if CASES < 10 else tuple(small_inputs.FAMILIES)
READ_BACK = ("input.toml", "mdbridge.json", *(() if CASES < 20 else ("README.txt",)))


def damaged(path, chance):
    """One fault of a file: a bit, a cut, nothing left, or a block of zeros."""
    data = bytearray(path.read_bytes())
    kind = chance.choice(["bit", "bit", "bit", "cut", "empty", "zeros"]) if data else "grown"
    place = chance.randrange(max(1, len(data)))
    if kind == "bit":
        data[place] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del data[place:]
    elif kind == "empty":
        data.clear()
    elif kind == "zeros":
        data[place : place + 512] = bytes(len(data[place : place + 512]))
    else:
        data += b"\0"
    path.write_bytes(data)
    return f"{kind} at {place}"


def files_read(out):
    """Everything below a folder of results, but what nobody reads."""
    return sorted(
        path
        for path in out.rglob("*")
        if path.is_file()
        and (path.name not in OF_THE_RUN or path.name in READ_BACK)
        and path.suffix not in (".png", ".svg")
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished folder of each family, made once."""
    made = {}

    def of(name):
        if name not in made:
            case = small_inputs.FAMILIES[name](tmp_path_factory.mktemp(name) / "whole")
            outcome = forked.run(case.arguments, case.folder)
            assert outcome.code == 0, outcome
            made[name] = (case, results(case.out))
        return made[name]

    return of


TOLERANCE = {"graphene": 1e-10}
"""A load that is relaxed alone, and not after others, has other round-off: 1e-13 of its displacement."""

# of a folder in which nothing is left to do, only what people look at would be read
MADE_FROM = {
    "shear": (), "calibrate": (), "observe": ("fields.h5", "records/observe"),
    "learn": ("model.json", "records/learn"), "glass": ("glass.h5", "records/sample"),
    "graphene": ("dataset.h5", "records/sample"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_no_damage_is_used_silently(tmp_path, finished, name):
    whole, wanted = finished(name)
    chance = random.Random(name + SEED)
    for number in range(CASES):
        folder = tmp_path / f"case-{number}"
        shutil.copytree(whole.folder, folder)
        case = small_inputs.Case(folder, whole.arguments)
        if number % 2:  # the last product is to be made again, from what lies below
            for relative in MADE_FROM[name]:
                path = case.out / relative
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        path = chance.choice(files_read(case.out))
        what = f"{name} {number}: {path.relative_to(case.out)}, {damaged(path, chance)}"
        require_seen(name, case, path, wanted, what)
        shutil.rmtree(folder)


def require_seen(name, case, path, wanted, what):
    """The command again: the same results, or one line that names the file; other commands never crash."""
    options = ["--resume"] if (case.out / "trials.jsonl").exists() else []
    outcome = forked.run([*case.arguments, *options], case.folder)
    assert "Traceback" not in outcome.said and "unexpected" not in outcome.said, (what, outcome)
    assert outcome.code in (0, 1, 2), (what, outcome)
    if outcome.code:
        errors = [line for line in outcome.said.splitlines() if line.startswith("mdbridge: error: ")]
        assert len(errors) == 1 and path.name in errors[0], (what, outcome)
        return
    resumed = results(case.out)
    # a passing file that is not needed any more, and what was damaged and set aside, do not count
    for file, content in wanted.items():
        if file in resumed or not file.endswith("restart"):
            same = near(resumed.get(file), content, TOLERANCE.get(name, 0.0))
            assert same or file == str(path.relative_to(case.out)), (
                what,
                file,
                outcome,
            )
    for verb in ("status", "report"):
        told = forked.run([verb, "out"], case.folder)
        assert told.code in (0, 1, 2) and "Traceback" not in told.said, (what, told)
        assert "unexpected" not in told.said, (what, told)

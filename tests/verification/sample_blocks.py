"""The samples in the README and in docs, and processes that have what a reader's shell has."""

import os
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))


@dataclass(frozen=True)
class Block:
    """What stands between two fences.

    Attributes:
        page: relative to the repository.
        heading: the last above it.
        line: of its first fence.
        language: behind the first fence, or nothing.
        text: between the fences.
    """

    page: str
    heading: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}, line {self.line}"

    @property
    def place(self) -> tuple[str, str]:
        """By which a test knows it, whatever lines are added above."""
        return self.page, self.heading


def name_of(page: Path) -> str:
    """A page relative to the repository."""
    return page.relative_to(ROOT).as_posix()


def split(page: Path) -> tuple[list[Block], str]:
    """All blocks of a page, in lists too, and its text without them."""
    blocks, prose = [], []
    heading, fence, first, language, inside = "", "", 0, "", []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        bare = line.strip()
        if fence and bare == fence:
            text = textwrap.dedent("\n".join([*inside, ""]))
            blocks.append(Block(name_of(page), heading, first, language, text))
            fence = ""
        elif fence:
            inside.append(line)
        elif bare.startswith(("```", "~~~")):
            language = bare.lstrip("`~")
            fence, first, inside = bare[: len(bare) - len(language)], number, []
        else:
            heading = line.lstrip("# ") if line.startswith("#") else heading
            prose.append(line)
    assert not fence, f"{name_of(page)}: the block of line {first} has no end"
    return blocks, "\n".join(prose)


def blocks_of(page: Path, *languages: str) -> Iterator[Block]:
    """The blocks of a page that are in one of the languages."""
    return (block for block in split(page)[0] if block.language in languages)


def reader(folder: Path) -> dict[str, str]:
    """Variables of a process that has the command as a person has it, whatever tree it comes from.

    Args:
        folder: in which ``bin`` is made.
    """
    (folder / "bin").mkdir()
    # no link to Python, which would not know of the environment that it belongs to
    for name, words in (("mdbridge", " -m mdbridge"), ("python", "")):
        command = folder / "bin" / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}"{words} "$@"\n')
        command.chmod(0o755)
    search = os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": search, "PYTHONPATH": str(ROOT)}


def run(words: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run a process to its end, which must be a good one."""
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}\n{done.stderr}"

"""What kinds of files there are."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        name: of the format.
        version: the one that is written.
        made_by: the command that makes such a file, for the remedy in messages.
        oldest: the oldest version that can still be read; ``version`` where it is None.
    """

    name: str
    version: int
    made_by: str
    oldest: int | None = None

    @property
    def remedy(self) -> str:
        """What to do about a file of this kind that cannot be used; it costs no data."""
        return f"move it away to have it made again by '{self.made_by}', or choose another --out"

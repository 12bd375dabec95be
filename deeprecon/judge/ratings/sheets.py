"""What a rating file says, before any of it is checked."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from deeprecon.judge.ratings.untrusted import Refused, quoted

SCHEMA = "deeprecon-ratings/1"

Row = Mapping[str, Any]
Rows = Sequence[tuple[str, Row]]
"""Rows of a file: where a row is, for messages, and its cells by column."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, with values of any type; None where the file says nothing.

    Attributes
    ----------
    where : position in the file, for messages
    response : "left" or "right" if the reader recognised the side, otherwise what it found
    top, left, right : picture ids
    rt_ms, t_ms : response time and time since the start of the session (ms)
    other : further columns of a plain table
    """

    where: str
    trial_id: Any = None
    order: Any = None
    top: Any = None
    left: Any = None
    right: Any = None
    response: Any = None
    rt_ms: Any = None
    t_ms: Any = None
    focus_lost: Any = None
    other: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The answers of one rater.

    Attributes
    ----------
    format : name in `deeprecon.judge.ratings.formats.FORMATS`
    where : part of the file (archive member, line), "" for the whole file
    schema, study, list, started, finished : as found, None in formats that lack them
    """

    format: str
    rater: Any
    answers: list[Answer]
    where: str = ""
    schema: Any = None
    study: Any = None
    list: Any = None
    started: Any = None
    finished: Any = None


@dataclass
class Contents:
    """The sheets of a file, and the parts that were refused."""

    sheets: list[Sheet] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    def add(self, part: "Contents", where: str) -> None:
        """Add the contents of a part of the file, found at `where`."""
        for sheet in part.sheets:
            within = f"{where}, {sheet.where}" if sheet.where else where
            self.sheets.append(replace(sheet, where=within))
        for refused in part.refused:
            self.refuse(refused, where)

    def refuse(self, refused: Refused, where: str) -> None:
        """Record that a part of the file is refused."""
        message = f"{where}: {refused}"
        self.refused.append(Refused(refused.check, message, refused.value, refused.limit))


def grouped(rows: Rows, *columns: str) -> Mapping[tuple[Any, ...], Rows]:
    """Group rows that agree in some columns, in the order of the file."""
    groups: dict[tuple[Any, ...], list[tuple[str, Row]]] = {}
    for where, row in rows:
        values = (row.get(name) for name in columns)
        key = tuple(v if isinstance(v, Hashable) else quoted(v) for v in values)
        groups.setdefault(key, []).append((where, row))
    return groups

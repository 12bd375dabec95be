"""What a rating file holds before anything of it is believed: answers as they were found."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from deeprecon.judge.sent.untrusted import Refused

SCHEMA = "deeprecon-ratings/1"

_OWN_FIELDS = (
    "trial_id", "order", "left", "right", "response", "rt_ms", "t_ms", "focus_lost",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, with values of any type; None where the file says nothing.

    Attributes
    ----------
    where : place in the file, for messages
    response : "left" or "right" if the reader could tell, else what was found
    top, left, right : picture ids
    rt_ms, t_ms : milliseconds the answer took, and since the start
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


def fields_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a row under our own names says of an answer."""
    return {name: row.get(name) for name in _OWN_FIELDS}


@dataclass(frozen=True, slots=True)
class Sheet:
    """The answers of one rater.

    Attributes
    ----------
    format : "json", "long", "jspsych", "meadows" or "plain"
    where : part of the file (member of an archive, line), "" for all of it
    schema, study, list, started, finished : as found; of the formats that have them
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
        """Take over a part of the file that lies at `where`."""
        for sheet in part.sheets:
            place = f"{where}, {sheet.where}" if sheet.where else where
            self.sheets.append(replace(sheet, where=place))
        for refused in part.refused:
            self.refuse(refused, where)

    def refuse(self, refused: Refused, where: str) -> None:
        """Note that a part of the file is refused."""
        self.refused.append(
            Refused(refused.check, f"{where}: {refused}", refused.value, refused.limit)
        )

"""Ratings exported by Meadows: the names of the pictures are the study's opaque ids."""

import re
from pathlib import PurePosixPath

from deeprecon.judge.ratings.sheets import Answer, Row, Rows, Sheet, grouped
from deeprecon.judge.ratings.untrusted import Refused, seconds

_PICTURE_ID = re.compile(r"[0-9a-f]{12}")
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
# Meadows has used two pairs of names for its time columns.
_TIMES = (("time_trial_start", "start"), ("time_trial_response", "resp"))


def read(rows: Rows) -> list[Sheet]:
    """One sheet per participation; rows without pictures are instructions."""
    shown = [(where, row) for where, row in rows if row["stim1_name"]]
    if not shown:
        raise Refused("no_trials", "found no row with pictures, expected answers of Meadows")
    return [
        Sheet("meadows", rater=participation, answers=_answers(part))
        for (participation,), part in grouped(shown, "participation").items()
    ]


def _answers(rows: Rows) -> list[Answer]:
    times = [
        tuple(_epoch_ms(row.get(long, row.get(short, ""))) for long, short in _TIMES)
        for _, row in rows
    ]
    first = next((start for start, _ in times if start is not None), None)
    answers = []
    for (where, row), (start, end) in zip(rows, times, strict=True):
        top, left, right = (_picture(row, f"stim{i}") for i in (1, 2, 3))
        answers.append(
            Answer(
                where,
                top=top,
                left=left,
                right=right,
                response=_chosen(row),
                rt_ms=None if start is None or end is None else round(end - start, 3),
                t_ms=None if first is None or end is None else round(end - first, 3),
            )
        )
    return answers


def picture_id(name: str) -> str:
    r"""The id in the name of a picture file.

    Examples
    --------
    >>> picture_id("study\\pictures/9f3a00bb11cc.png"), picture_id("9F3A00BB11CC")
    ('9f3a00bb11cc', '9f3a00bb11cc')
    """
    return PurePosixPath(name.replace("\\", "/")).stem.lower()


def _picture(row: Row, stimulus: str) -> str:
    """Our id of a picture: its name in Meadows, or Meadows' id if only that looks like ours."""
    named, numbered = (picture_id(row.get(f"{stimulus}_{kind}", "")) for kind in ("name", "id"))
    ours = [name for name in (named, numbered) if _PICTURE_ID.fullmatch(name)]
    return ours[0] if ours else named


def _chosen(row: Row) -> str:
    """The side of the picture that the label names, otherwise the label."""
    label: str = row["label"]
    for kind, same in (("id", str), ("name", picture_id)):
        left, right = (same(row.get(f"stim{i}_{kind}", "")) == same(label) != "" for i in (2, 3))
        if left != right:
            return "left" if left else "right"
    return label


def _epoch_ms(cell: str) -> float | None:
    """Milliseconds since 1970 of a time in seconds, milliseconds or ISO 8601; None if unclear.

    The unit of a number follows from its size: 1e8 to 1e11 s are the years 1973 to 5138.
    """
    if _NUMBER.fullmatch(cell):
        value = float(cell)
        return None if value < 1e8 else value * 1000 if value < 1e11 else value
    time = seconds(cell)
    return None if time is None else time * 1000

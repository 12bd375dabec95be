"""Ratings in CSV or TSV: long table, export of jsPsych, of Meadows, and plain table."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from deeprecon.judge.sent.formats_json import jspsych_sheets
from deeprecon.judge.sent.quantities import seconds
from deeprecon.judge.sent.sheets import Answer, Contents, Sheet, fields_of
from deeprecon.judge.sent.untrusted import MAX_BYTES, Refused, check_n_values, quoted

MAX_COLUMNS = 500
_DELIMITERS = "\t,;"
_PICTURE_ID = re.compile(r"[0-9a-f]{12}")
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")

_TIMES = (("time_trial_start", "start"), ("time_trial_response", "resp"))
"""Meadows has named its columns of times in both ways."""

Row = dict[str, str]
Rows = list[tuple[int, Row]]  # number of the line in which a row ends, its cells by column


@dataclass(frozen=True)
class TableFormat:
    """A kind of table: the columns by which it is known, and its reader."""

    name: str
    columns: frozenset[str]
    read: Callable[[Rows], list[Sheet]]


def read_table(text: str) -> Contents:
    """Sheets of a table with a header, its cells divided by tabs, commas or semicolons.

    Raises
    ------
    Refused
        "unrecognised" if columns are missing, "bad_table" where the cells are not in order.
    """
    header = text.lstrip("\r\n").split("\n", 1)[0]
    if max(header.count(delimiter) for delimiter in _DELIMITERS) >= MAX_COLUMNS:
        raise Refused("bad_table", f"found more than {MAX_COLUMNS} columns", limit=str(MAX_COLUMNS))
    check_n_values(text, _DELIMITERS)
    columns, rows = _cells(text, _delimiter(header))
    for known in FORMATS:
        if known.columns <= set(columns):
            return Contents(
                known.read([(n, dict(zip(columns, row, strict=True))) for n, row in rows])
            )
    closest = max(FORMATS, key=lambda known: len(known.columns & set(columns)))
    if not closest.columns & set(columns):
        raise Refused(
            "unrecognised",
            f"found {quoted(header)}, expected JSON or the header of a table of ratings",
        )
    missing = ", ".join(sorted(closest.columns - set(columns)))
    raise Refused("unrecognised", f"no column {missing} of a {closest.name} table")


def _delimiter(header: str) -> str:
    """The one that divides a header into most names that are known."""
    known = set().union(*(kind.columns for kind in FORMATS))

    def n_known(delimiter: str) -> int:
        return len(known & {cell.strip(' "\r').lower() for cell in header.split(delimiter)})

    return max(_DELIMITERS, key=n_known)


def _cells(text: str, delimiter: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The names of columns, and the rows with the number of the line in which each ends."""
    before = csv.field_size_limit(MAX_BYTES)
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        rows = [(lines.line_num, row) for row in lines if any(cell.strip() for cell in row)]
    except csv.Error:
        raise Refused(
            "bad_table", f"line {lines.line_num}: a quote is open, or stands within a cell"
        ) from None
    finally:
        csv.field_size_limit(before)
    columns = [name.strip().lower() for name in rows[0][1]] if rows else []
    twice = {name for name in columns if name and columns.count(name) > 1}
    if twice:
        raise Refused("bad_table", f"found the column {quoted(min(twice))} twice, expected once")
    for number, row in rows[1:]:
        if len(row) != len(columns):
            raise Refused(
                "bad_table",
                f"line {number}: found {len(row)} cells, expected {len(columns)} as in the header",
                str(len(row)),
                str(len(columns)),
            )
    return columns, rows[1:]


def _groups(rows: Rows, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Rows]]:
    """Rows of equal cells in some columns, in the order of the file."""
    groups: dict[tuple[str, ...], Rows] = {}
    for number, row in rows:
        groups.setdefault(tuple(row[name].strip() for name in names), []).append((number, row))
    yield from groups.items()


def _long(rows: Rows) -> list[Sheet]:
    """Our own columns; a rater with two studies or lists gives two sheets, refused later on."""
    sheets = []
    for (schema, study, rater, number), part in _groups(rows, ("schema", "study", "rater", "list")):
        answers = [
            Answer(f"line {n}", **fields_of({k: v.strip() for k, v in row.items()}))
            for n, row in part
        ]
        sheets.append(
            Sheet("long", rater=rater, answers=answers, schema=schema, study=study, list=number)
        )
    return sheets


def _jspsych(rows: Rows) -> list[Sheet]:
    return jspsych_sheets([{k: v for k, v in row.items() if v != ""} for _, row in rows], "row")


def _plain(rows: Rows) -> list[Sheet]:
    """A row per choice, without trials of ours."""
    return [
        Sheet(
            "plain",
            rater=rater,
            answers=[
                Answer(
                    f"line {n}",
                    rt_ms=row.get("rt_ms", "").strip(),
                    other={name: cell.strip() for name, cell in row.items()},
                )
                for n, row in part
            ],
        )
        for (rater,), part in _groups(rows, ("rater",))
    ]


def _meadows(rows: Rows) -> list[Sheet]:
    """Three pictures and the chosen one's id or name; rows without pictures are instructions."""
    shown = [(n, row) for n, row in rows if row["stim1_name"].strip()]
    sheets = []
    for (participation,), part in _groups(shown, ("participation",)):
        times = [
            tuple(_epoch_ms(row.get(long, row.get(short, ""))) for long, short in _TIMES)
            for _, row in part
        ]
        first = next((start for start, _ in times if start is not None), None)
        answers = []
        for (n, row), (start, end) in zip(part, times, strict=True):
            top, left, right = (_picture(row, f"stim{i}") for i in (1, 2, 3))
            answers.append(
                Answer(
                    where=f"line {n}",
                    top=top,
                    left=left,
                    right=right,
                    response=_chosen(row),
                    rt_ms=None if start is None or end is None else round(end - start, 3),
                    t_ms=None if first is None or end is None else round(end - first, 3),
                )
            )
        sheets.append(Sheet("meadows", rater=participation, answers=answers))
    if not sheets:
        raise Refused("no_trials", "found no row with pictures, expected answers of Meadows")
    return sheets


def picture_id(name: str) -> str:
    r"""The id in the name of a picture's file.

    Examples
    --------
    >>> picture_id("study\\pictures/9f3a00bb11cc.png"), picture_id("9F3A00BB11CC")
    ('9f3a00bb11cc', '9f3a00bb11cc')
    """
    return PurePosixPath(name.strip().replace("\\", "/")).stem.lower()


def _picture(row: Row, stimulus: str) -> str:
    """Our id of a picture: its name in Meadows, or Meadows' id if only that looks like ours."""
    named, numbered = (picture_id(row.get(f"{stimulus}_{kind}", "")) for kind in ("name", "id"))
    ours = [name for name in (named, numbered) if _PICTURE_ID.fullmatch(name)]
    return ours[0] if ours else named


def _chosen(row: Row) -> str:
    """The side of the picture that the label names, else the label."""
    label = row["label"].strip()
    for kind, same in (("id", str.strip), ("name", picture_id)):
        left, right = (same(row.get(f"stim{i}_{kind}", "")) == same(label) != "" for i in (2, 3))
        if left != right:
            return "left" if left else "right"
    return label


def _epoch_ms(cell: str) -> float | None:
    """Milliseconds since 1970 of a time in seconds, milliseconds or ISO 8601; None if unclear.

    Numbers tell their unit by their size: there are 1e8 to 1e11 seconds from 1973 to 5138.
    """
    text = cell.strip()
    if _NUMBER.fullmatch(text):
        value = float(text)
        return None if value < 1e8 else value * 1000 if value < 1e11 else value
    time = seconds(text)
    return None if time is None else time * 1000


FORMATS = (
    TableFormat(
        "long",
        frozenset(
            ["schema", "study", "rater", "list", "trial_id", "left", "right", "response", "rt_ms"]
        ),
        _long,
    ),
    TableFormat(
        "jsPsych", frozenset(["trial_type", "trial_index", "time_elapsed", "rt"]), _jspsych
    ),
    TableFormat(
        "Meadows",
        frozenset(["participation", "label", "stim1_name", "stim2_name", "stim3_name"]),
        _meadows,
    ),
    TableFormat(
        "plain",
        frozenset(["rater", "task", "subject", "method", "target", "foil", "choice"]),
        _plain,
    ),
)

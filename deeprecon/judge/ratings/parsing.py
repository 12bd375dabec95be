"""Read rating files in any format: JSON, one JSON document per line, tables, and archives."""

import csv
import io
import os
from typing import Any

from deeprecon.judge.ratings.archive import SIGNATURES, read_archive
from deeprecon.judge.ratings.formats import FORMATS
from deeprecon.judge.ratings.sheets import Contents, Rows, Sheet
from deeprecon.judge.ratings.untrusted import (
    MAX_BYTES,
    Refused,
    check_n_values,
    check_size,
    decode,
    load_json,
    quoted,
    read_bytes,
)

MAX_RATERS = 10_000
MAX_COLUMNS = 500
_DELIMITERS = "\t,;"


def read_sheets(path: str | os.PathLike[str]) -> Contents:
    """Read a rating file in any format, told by its content; what cannot be read is refused.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "answers.txt"
    >>> _ = path.write_text('{"rater": "r001", "trials": [{"trial_id": "t000001"}]}')
    >>> sheet = read_sheets(path).sheets[0]
    >>> sheet.format, sheet.rater, sheet.answers[0].trial_id
    ('json', 'r001', 't000001')
    """
    try:
        data = read_bytes(path)
        archived = data.startswith(SIGNATURES)
        contents = read_archive(data, _read_text) if archived else _read_text(data)
        check_size(len(contents.sheets), MAX_RATERS, "raters")
        return contents
    except Refused as refused:
        return Contents(refused=[refused])


def _read_text(data: bytes) -> Contents:
    """Sheets of a text, which is JSON or a table."""
    text = decode(data).strip()
    contents = _read_json(text) if text.startswith(("{", "[")) else _read_table(text)
    if not contents.sheets and not contents.refused:
        raise Refused("no_trials", "found only a header, expected answers")
    return contents


def _read_json(text: str) -> Contents:
    """Sheets of a JSON document, or of a document in each line, as JATOS exports them."""
    try:
        document = load_json(text)
    except Refused as refused:
        lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
        if refused.check != "bad_json" or len(lines) < 2:
            raise
        contents = Contents()
        for number, line in lines:
            try:
                contents.add(_read_document(load_json(line)), f"line {number}")
            except Refused as broken:
                contents.refuse(broken, f"line {number}")
        if not contents.sheets:
            raise
        return contents
    return _read_document(document)


def _read_document(document: Any) -> Contents:
    """Sheets of one rater's results, or of a list of several raters' results."""
    if document == []:
        raise Refused("unrecognised", "found an empty list, expected results")
    if not isinstance(document, list) or not any(map(_is_result, document)):
        return Contents(_sheets_of_result(document))
    contents = Contents()
    for number, part in enumerate(document, 1):
        try:
            contents.add(Contents(_sheets_of_result(part)), f"result {number}")
        except Refused as refused:
            contents.refuse(refused, f"result {number}")
    return contents


def _is_result(part: Any) -> bool:
    """Whether an element of a list is all of a rater's results, not a single trial of jsPsych."""
    return isinstance(part, list) or (isinstance(part, dict) and "trials" in part)


def _sheets_of_result(result: Any) -> list[Sheet]:
    """Sheets of parsed JSON in the first format that recognises it."""
    for known in FORMATS.values():
        if known.json and isinstance(result, known.json):
            rows = enumerate(result, 1) if isinstance(result, list) else [(1, result)]
            return known.read([(f"trial {n}", row) for n, row in rows if isinstance(row, dict)])
    found = quoted(result)
    raise Refused("unrecognised", f"found {found}, expected an object or a list of results")


def _read_table(text: str) -> Contents:
    """Sheets of a table with a header whose cells are separated by tabs, commas or semicolons."""
    header = text.lstrip("\r\n").split("\n", 1)[0]
    if max(header.count(delimiter) for delimiter in _DELIMITERS) >= MAX_COLUMNS:
        message = f"found more than {MAX_COLUMNS} columns"
        raise Refused("bad_table", message, limit=MAX_COLUMNS)
    check_n_values(text, _DELIMITERS)
    columns, rows = _cells(text, _delimiter(header))
    found = set(columns)
    for known in FORMATS.values():
        if known.columns and known.columns <= found:
            return Contents(known.read(rows))
    name, closest = max(FORMATS.items(), key=lambda item: len(item[1].columns & found))
    if not closest.columns & found:
        raise Refused(
            "unrecognised",
            f"found {quoted(header)}, expected JSON or the header of a table of ratings",
        )
    missing = ", ".join(sorted(closest.columns - found))
    raise Refused("unrecognised", f"a table in the format {name} lacks the columns {missing}")


def _delimiter(header: str) -> str:
    """The delimiter that splits the header into the most known names."""
    known = set().union(*(kind.columns for kind in FORMATS.values()))

    def n_known(delimiter: str) -> int:
        return len(known & {cell.strip(' "\r').lower() for cell in header.split(delimiter)})

    return max(_DELIMITERS, key=n_known)


def _cells(text: str, delimiter: str) -> tuple[list[str], Rows]:
    """Column names, and the rows without white space around their cells."""
    before = csv.field_size_limit(MAX_BYTES)
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        stripped = ((lines.line_num, [cell.strip() for cell in row]) for row in lines)
        (_, header), *rows = [(n, row) for n, row in stripped if any(row)] or [(1, [])]
    except csv.Error:
        message = f"line {lines.line_num}: a quote is not closed or is inside a cell"
        raise Refused("bad_table", message) from None
    finally:
        csv.field_size_limit(before)
    columns = [name.lower() for name in header]
    twice = {name for name in columns if name and columns.count(name) > 1}
    if twice:
        raise Refused("bad_table", f"found the column {quoted(min(twice))} twice, expected once")
    for n, row in rows:
        if len(row) != len(columns):
            message = f"line {n}: found {len(row)} cells, expected {len(columns)} as in the header"
            raise Refused("bad_table", message, len(row), len(columns))
    return columns, [(f"line {n}", dict(zip(columns, row, strict=True))) for n, row in rows]

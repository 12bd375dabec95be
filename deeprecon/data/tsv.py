"""TSV files from outside: read letter for letter, and refused where they are ambiguous."""

import csv
import os
from pathlib import Path

import pandas as pd

from deeprecon.errors import InputError


def read_tsv(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a TSV file as strings, exactly as they stand in the file.

    Whatever pandas would silently fill, rename or join is refused, so that row i of the table is
    line i + 2 of the file. Empty lines at the end are ignored.

    Parameters
    ----------
    path : TSV file in UTF-8, with or without a byte order mark

    Raises
    ------
    InputError
        If the file cannot be read or is empty, a row has more or fewer values than the header, or
        a column name occurs twice.
    """
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            rows = list(csv.reader(file, delimiter="\t"))
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable TSV file ({error})") from None
    while rows and not rows[-1]:
        rows.pop()
    if not rows:
        raise InputError(f"{path}: not a readable TSV file (it is empty)")
    names = rows[0]
    for i, row in enumerate(rows, start=1):
        if any("\n" in value for value in row):
            raise InputError(f"{path}: row {i}: a quotation mark joins it to the next row")
        if len(row) != len(names):
            raise InputError(f"{path}: row {i}: {len(row)} values for {len(names)} columns")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"{path}: column {twice[0]!r} occurs {names.count(twice[0])} times")
    return pd.DataFrame(rows[1:], columns=names, dtype=str)

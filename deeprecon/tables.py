"""Read and write tables as TSV files."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import pandas as pd

from deeprecon.atomic import replacing
from deeprecon.errors import InputError, reason

Path = str | os.PathLike[str]


def write_table(
    path: Path,
    rows: pd.DataFrame | Iterable[Mapping[str, Any]],
    *,
    digits: int | None = 6,
    missing: str = "",
) -> None:
    """Write a TSV file with a header, completely or not at all.

    Parameters
    ----------
    path : file to write
    rows : DataFrame, or one mapping for each row
    digits : significant digits of floating-point numbers; None: as many as needed to read the same
        number back, for tables that later stages compute with
    missing : text for missing values, such as "n/a" in BIDS
    """
    table = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    form = None if digits is None else f"%.{digits}g"
    with replacing(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False, float_format=form, na_rep=missing)


def read_table(
    path: Path, *, text: Sequence[str] | Literal[True] = (), columns: Sequence[str] = ()
) -> pd.DataFrame:
    """Read a TSV file with a header.

    Parameters
    ----------
    path : file to read
    text : columns to read as text, if present; an empty cell is a missing value. True: all columns;
        an empty cell is an empty string
    columns : columns that the table must have

    Raises
    ------
    InputError
        If the file cannot be read as a table or lacks a column.
    """
    how: dict[str, Any] = {"dtype": str, "keep_default_na": False}
    if not isinstance(text, bool):
        how = {"dtype": dict.fromkeys(text, str)}
    try:
        table: pd.DataFrame = pd.read_csv(path, sep="\t", **how)
    except (OSError, ValueError) as error:  # pandas's own errors are ValueErrors
        raise InputError(f"{path}: not a readable table ({reason(error)})") from None
    absent = [name for name in columns if name not in table]
    if absent:
        raise InputError(
            f"{path}: no column {absent[0]!r}; found {', '.join(map(str, table.columns))}"
        )
    return table


def read_tables(paths: Iterable[Path], columns: Sequence[str] = (), **how: Any) -> pd.DataFrame:
    """Concatenate several tables.

    Parameters
    ----------
    paths : files
    columns : columns of the result if there are no files
    how : see `read_table`
    """
    tables = [read_table(path, **how) for path in paths]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(columns))

"""The selection language of BData: which columns an expression selects, see `BData.columns`."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from deeprecon.data.selection import OPERATIONS, Mask
from deeprecon.errors import InputError

Array = NDArray[np.float64]
T = TypeVar("T")


def select_columns(expression: str, values_of: Mapping[str, Array]) -> Mask:
    """Select columns of a BData table, see `BData.columns`.

    Parameters
    ----------
    expression : expression of keys
    values_of : key -> (n_columns,) values

    Returns
    -------
    (n_columns,) bool array

    Raises
    ------
    InputError
        If a key is unknown or the expression is invalid.
    """
    tokens = re.findall(r"\"[^\"]*\"|'[^']*'|[^\s=|&+\-@()\"']+|\S", expression)
    where = f"selection {expression!r}"
    selected = _combined(tokens, values_of, where)
    if tokens:
        raise InputError(f"{where}: found {tokens[0]!r}, expected an operator")
    return selected


def find_key(rows: Mapping[str, T], key: str) -> T:
    """Look up a key; an InputError names similar keys."""
    if key not in rows:
        near = get_close_matches(key, rows, n=3) or list(rows)
        raise InputError(f"unknown key {key!r}; nearest: {', '.join(near)}")
    return rows[key]


def _combined(tokens: list[str], values_of: Mapping[str, Array], where: str) -> Mask:
    """Evaluate operands and operators from left to right, up to the first other token."""
    selected = _operand(tokens, values_of, where)
    while tokens and tokens[0] in OPERATIONS:
        operation = OPERATIONS[tokens.pop(0)]
        selected = operation(selected, _operand(tokens, values_of, where))
    return selected


def _operand(tokens: list[str], values_of: Mapping[str, Array], where: str) -> Mask:
    """Evaluate a key or a parenthesis, with `= value`, or a key with `top n`."""
    token = tokens.pop(0) if tokens else "the end"
    if token == "(":
        rows = _combined(tokens, values_of, where)[None].astype(np.float64)
        if not tokens or tokens.pop(0) != ")":
            raise InputError(f"{where}: a parenthesis is not closed")
    elif token in ("the end", "top") or token in "=|&+-@)\"'":
        raise InputError(f"{where}: found {token!r}, expected a key")
    elif tokens[:1] == ["top"]:
        tokens.pop(0)
        return _top(token, tokens, values_of, where)
    else:
        rows = _rows(token, values_of, where)
    while tokens[:1] == ["="]:
        tokens.pop(0)
        rows = _equal(rows, _number(tokens, where))[None].astype(np.float64)
    return _equal(rows, 1.0)


def _rows(token: str, values_of: Mapping[str, Array], where: str) -> Array:
    """Values of a key, or of all keys that match a wildcard, (n_keys, n_columns)."""
    key = token.strip("\"'")
    if not set(key) & set("*?"):
        return find_key(values_of, key)[None]
    pattern = re.escape(key).replace(r"\*", ".*").replace(r"\?", ".")
    keys = [known for known in values_of if re.fullmatch(pattern, known)]
    if not keys:
        raise InputError(f"{where}: no key matches {key!r}")
    return np.stack([values_of[known] for known in keys])


def _top(key: str, tokens: list[str], values_of: Mapping[str, Array], where: str) -> Mask:
    """Select the columns with the largest values of a key, after `KEY top`."""
    number = tokens.pop(0) if tokens else "the end"
    if not number.isdecimal() or int(number) == 0:
        raise InputError(f"{where}: found {number!r} after 'top', expected a number of columns")
    values = find_key(values_of, key.strip("\"'"))
    candidates = ~np.isnan(values)
    if tokens[:1] == ["@"]:
        tokens.pop(0)
        candidates &= _combined(tokens, values_of, where)
    columns = np.flatnonzero(candidates)
    best = columns[np.argsort(-values[columns], kind="stable")[: int(number)]]
    selected = np.zeros(len(values), bool)
    selected[best] = True
    return selected


def _equal(rows: Array, wanted: float) -> Mask:
    """Columns in which a row has a value; flags are 1 where set and 0 elsewhere."""
    if np.isin(rows[~np.isnan(rows)], (0.0, 1.0)).all():
        return np.asarray((rows == 1.0).any(axis=0) == wanted)
    return np.asarray((rows == wanted).any(axis=0))


def _number(tokens: list[str], where: str) -> float:
    """The value after `=`."""
    token = tokens.pop(0) if tokens else "the end"
    if token in ("-", "+") and tokens:
        token += tokens.pop(0)
    try:
        return float(token)
    except ValueError:
        raise InputError(f"{where}: found {token!r} after '=', expected a number") from None

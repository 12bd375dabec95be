"""Numbers and times as strangers write them."""

import math
import re
from datetime import UTC, datetime

_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{0,15})?([eE][+-]?[0-9]{1,2})?")
_UNKNOWN = ("", "null", "n/a", "NA")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,15}(Z|[+-][0-9:]{2,6})?")


def quantity(value: object, high: float) -> float | None:
    """A number from 0 to `high`, NaN for an unknown one, None for anything else.

    Examples
    --------
    >>> [quantity(v, 9) for v in (7, "7.5", None, "", -1, "1e1", True, [], float("nan"))]
    [7.0, 7.5, nan, nan, None, None, None, None, None]
    """
    if value is None or (isinstance(value, str) and value in _UNKNOWN):
        return math.nan
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= high:
        return None
    return float(value)


def whole(value: object) -> int | None:
    """A whole number of at most nine digits, None for anything else.

    Examples
    --------
    >>> [whole(v) for v in (7, "7", 7.0, 7.5, "seven", None, True)]
    [7, 7, 7, None, None, None, None]
    """
    read = None if value is None else quantity(value, 999_999_999)
    return int(read) if read is not None and read.is_integer() else None


def seconds(value: object) -> float | None:
    """Seconds since 1970 of a time in ISO 8601 (UTC where it names no zone), else None.

    Examples
    --------
    >>> seconds("1970-01-01T00:01:00.500Z"), seconds("1970-01-01T01:00+01:00"), seconds("noon")
    (60.5, 0.0, None)
    """
    if not isinstance(value, str) or not _ISO.fullmatch(value):
        return None
    try:
        time = datetime.fromisoformat(value)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None

"""Read files and values that nobody vouches for.

Rating files come from the browsers of unknown people. Nothing in them is executed, followed as a
path or copied unescaped into a message, and the cost of reading any one of them is bounded.
"""

import json
import math
import os
import re
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from deeprecon.errors import InputError
from deeprecon.judge.ratings.findings import Check

MAX_BYTES = 20_000_000
"""Largest file, and largest member of an archive. A rater's answers take about 20 kB."""
MAX_VALUES = 2_000_000
"""Most values in a file: an empty JSON list takes thirty times more memory than disk space."""
MAX_QUOTED = 60
MAX_DIGITS = 15

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .()+-]{0,79}")
_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{0,15})?([eE][+-]?[0-9]{1,2})?")
_UNKNOWN = ("", "null", "n/a", "NA")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,15}(Z|[+-][0-9:]{2,6})?")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
)


class Refused(InputError):
    """A file, or a part of one, that is not read; `check` names the check that it fails."""

    def __init__(
        self, check: Check, message: str, value: float = math.nan, limit: float = math.nan
    ) -> None:
        super().__init__(message)
        self.check, self.value, self.limit = check, value, limit


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Read a regular file of at most `MAX_BYTES`.

    Raises
    ------
    Refused
        "not_a_file" for links, folders, pipes and devices, which are never opened; "unreadable";
        "too_large"; "empty".
    """
    try:
        # Checked before it is opened: opening a pipe or a device can block or have side effects.
        _check_regular(os.lstat(path).st_mode)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            _check_regular(status.st_mode)
            check_size(status.st_size, MAX_BYTES, "bytes")
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Refused("unreadable", f"cannot be read: {error.strerror or 'error'}") from None
    check_size(len(data), MAX_BYTES, "bytes")
    if not data.strip():
        raise Refused("empty", "the file is empty, expected answers")
    return data


def _check_regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = next((name for test, name in _KINDS if test(mode)), "a device")
        raise Refused("not_a_file", f"found {kind}, expected a regular file; it was not opened")


def check_size(n: int, most: int, unit: str) -> None:
    """Refuse ("too_large") what has more than `most` bytes, values, ...

    Raises
    ------
    Refused
    """
    if n > most:
        raise Refused("too_large", f"found at least {n} {unit}, expected at most {most}", n, most)


def decode(data: bytes) -> str:
    r"""Decode UTF-8, with or without a byte order mark, or UTF-16 with one.

    Raises
    ------
    Refused
        "not_text"

    Examples
    --------
    >>> decode(b"\xef\xbb\xbfrater")
    'rater'
    """
    try:
        text = data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused("not_text", f"byte {error.start} is not UTF-8, expected text") from None
    if "\0" in text:
        raise Refused("not_text", f"character {text.index(chr(0))} is NUL, expected text")
    return text


def check_n_values(text: str, separators: str) -> None:
    """Refuse ("too_large") a text with too many values before it is parsed."""
    check_size(sum(text.count(separator) for separator in separators), MAX_VALUES, "values")


def load_json(text: str) -> Any:
    """Parse JSON; integers of more than `MAX_DIGITS` digits become infinite.

    Raises
    ------
    Refused
        "bad_json" if it is not JSON, is nested too deeply or repeats a key (parsers differ in
        which of the two they keep); "too_large".

    Examples
    --------
    >>> load_json('{"rt_ms": 1e400}')
    {'rt_ms': inf}
    >>> load_json('{"id": 1, "id": 2}')
    Traceback (most recent call last):
    deeprecon.judge.ratings.untrusted.Refused: JSON object repeats the key 'id'
    """
    check_n_values(text, ",[{")
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=_integer)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refused("bad_json", f"JSON is broken at {where}") from None
    except RecursionError:
        raise Refused("bad_json", "JSON is nested too deeply, expected a few levels") from None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Refused("bad_json", f"JSON object repeats the key {quoted(key)}")
        found[key] = value
    return found


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= MAX_DIGITS else math.copysign(math.inf, float(digits))


def quoted(value: object) -> str:
    r"""Quote a value for a message: one line of at most about 60 harmless characters.

    Everything but plain ASCII is escaped, which also reveals look-alike letters.

    Examples
    --------
    >>> print(quoted("r1\x1b[2J<script>"))
    'r1\x1b[2J\x3cscript\x3e'
    >>> quoted({"left": 1}), quoted(None), quoted(float("inf"))
    ('an object of 1', 'null', 'inf')
    """
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = str(value) if isinstance(value, (int, float)) else ascii(str(value)[:MAX_QUOTED])
    for character in "<>&":
        text = text.replace(character, f"\\x{ord(character):02x}")
    return text if len(text) <= MAX_QUOTED else text[: MAX_QUOTED - 3] + "..."


def shown_name(name: str) -> str:
    r"""A file name for tables and messages: unchanged if harmless, otherwise quoted.

    Examples
    --------
    >>> shown_name("ratings_r007 (1).json"), shown_name("=cmd|' /C calc'!A0.csv")
    ('ratings_r007 (1).json', '"=cmd|\' /C calc\'!A0.csv"')
    """
    return name if _PLAIN_NAME.fullmatch(name) else quoted(name)


def ignorable(name: str) -> bool:
    """Whether a name marks a file without ratings: hidden, README, or left by an editor or system.

    Examples
    --------
    >>> [ignorable(name) for name in (".gitkeep", "README.md", "Thumbs.db", "r1.json")]
    [True, True, True, False]
    """
    lower = name.lower()
    return (
        lower.startswith((".", "~", "__macosx"))
        or lower.endswith("~")
        or lower.split(".")[0] == "readme"
        or lower in ("thumbs.db", "desktop.ini")
    )


def quantity(value: object, high: float) -> float | None:
    """Read a number from 0 to `high`: NaN if it is missing, None if it is anything else.

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
    """Read an integer of at most nine digits: None if it is anything else.

    Examples
    --------
    >>> [whole(v) for v in (7, "7", 7.0, 7.5, "seven", None, True)]
    [7, 7, 7, None, None, None, None]
    """
    read = None if value is None else quantity(value, 999_999_999)
    return int(read) if read is not None and read.is_integer() else None


def seconds(value: object) -> float | None:
    """Read an ISO 8601 time (UTC if it names no zone) as seconds since 1970, or None.

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

"""Files from strangers: open, decode, parse and quote them without trust in what they hold.

Rating files come from browsers of people nobody knows. Nothing of them is run, followed or copied
raw into a message, and none of them costs much.
"""

import json
import math
import os
import re
import stat
from collections.abc import Sequence
from typing import Any

from deeprecon.errors import InputError

MAX_BYTES = 20_000_000
"""Largest file, and largest member of an archive. A rater's answers take about 20 kB."""
MAX_VALUES = 2_000_000
"""Most values in a file: empty lists in JSON take thirty times more memory than disk."""
MAX_QUOTED = 60
MAX_DIGITS = 15

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .()+-]{0,79}")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
)


class Refused(InputError):
    """A file, or a part of it, is not read; `check` names the rule that it breaks."""

    def __init__(self, check: str, message: str, value: str = "n/a", limit: str = "n/a") -> None:
        super().__init__(message)
        self.check, self.value, self.limit = check, value, limit


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Content of a regular file of at most `MAX_BYTES`.

    Raises
    ------
    Refused
        "not_a_file" for links, folders, pipes, devices, which are not opened; "unreadable";
        "too_large"; "empty".
    """
    try:
        # Looked at before it is opened: to open a pipe or a device can block, or do something.
        _check_regular(os.lstat(path).st_mode)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            _check_regular(status.st_mode)
            _check_size(status.st_size)
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Refused("unreadable", f"cannot be read: {error.strerror or 'error'}") from None
    _check_size(len(data))
    if not data.strip():
        raise Refused("empty", "found nothing in the file, expected answers")
    return data


def _check_regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = next((name for test, name in _KINDS if test(mode)), "a device")
        raise Refused("not_a_file", f"found {kind}, expected a regular file; it was not opened")


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise Refused(
            "too_large",
            f"found {size} bytes or more, expected at most {MAX_BYTES}",
            str(size),
            str(MAX_BYTES),
        )


def decode(data: bytes) -> str:
    r"""The text of UTF-8, with or without a byte order mark, or of UTF-16 with one.

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
    """Refuse ("too_large") a text that would become too many values, before it is parsed."""
    n = sum(text.count(separator) for separator in separators)
    if n > MAX_VALUES:
        raise Refused(
            "too_large",
            f"found {n} values or more, expected at most {MAX_VALUES}",
            str(n),
            str(MAX_VALUES),
        )


def load_json(text: str) -> Any:
    """Parse JSON; integers of more than `MAX_DIGITS` digits become infinite.

    Raises
    ------
    Refused
        "bad_json" where it is none, is nested too deeply or names a key twice (parsers differ in
        which of the two counts); "too_large".

    Examples
    --------
    >>> load_json('{"rt_ms": 1e400}')
    {'rt_ms': inf}
    >>> load_json('{"id": 1, "id": 2}')
    Traceback (most recent call last):
    deeprecon.judge.sent.untrusted.Refused: JSON names the key 'id' twice in an object, \
expected once
    """
    check_n_values(text, ",[{")
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=_integer)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Refused("bad_json", f"is not JSON from {place} on") from None
    except RecursionError:
        raise Refused("bad_json", "JSON is nested too deeply, expected a few levels") from None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise Refused(
                    "bad_json",
                    f"JSON names the key {quoted(key)} twice in an object, expected once",
                )
            seen.add(key)
    return found


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= MAX_DIGITS else math.copysign(math.inf, float(digits))


def quoted(value: object) -> str:
    r"""A found value for a message: one line of at most about 60 harmless characters.

    All that is not plain ASCII is escaped: so letters that only look alike show.

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
    r"""A file's name for tables and messages: as it is if harmless, else quoted.

    Examples
    --------
    >>> shown_name("ratings_r007 (1).json"), shown_name("=cmd|' /C calc'!A0.csv")
    ('ratings_r007 (1).json', '"=cmd|\' /C calc\'!A0.csv"')
    """
    return name if _PLAIN_NAME.fullmatch(name) else quoted(name)


def ignorable(name: str) -> bool:
    """Whether a file is none of ratings by its name: hidden, README, left by an editor or system.

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

"""Files that the project needs from elsewhere: one table of them, and one way to fetch them."""

import csv
import hashlib
import http.client
import logging
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from deeprecon.errors import InputError

logger = logging.getLogger(__name__)

_CHUNK = 1 << 20
_LINE_EVERY = 5.0  # s
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # HTTP: worth another try


@dataclass(frozen=True)
class Download:
    """A row of `downloads.tsv`.

    Attributes
    ----------
    name : by which settings and rules ask for it
    file : name under which it is kept
    url : where it is
    bytes : its size, if known
    md5, sha256 : hexadecimal, if known; of SHA-256 the first 8 digits or more
    licence, source, purpose : for people
    """

    name: str
    file: str
    url: str
    bytes: int | None
    md5: str | None
    sha256: str | None
    licence: str
    source: str
    purpose: str


@cache
def downloads() -> dict[str, Download]:
    """The table, by name."""
    table = files("deeprecon.data").joinpath("downloads.tsv")
    with table.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return {row["name"]: _row(row) for row in rows}


def _row(row: dict[str, str]) -> Download:
    known: dict[str, Any] = {key: None if v == "n/a" else v for key, v in row.items()}
    return Download(**known | {"bytes": None if known["bytes"] is None else int(known["bytes"])})


def digests(path: str | os.PathLike[str]) -> tuple[str, str]:
    """MD5 and SHA-256 of a file, hexadecimal."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(_CHUNK):
            md5.update(chunk)
            sha256.update(chunk)
    return md5.hexdigest(), sha256.hexdigest()


def fetch(
    item: Download,
    path: str | os.PathLike[str],
    *,
    retries: int = 5,
    wait: float = 1.0,
    timeout: float = 60.0,
) -> None:
    """Download a file, unless it is there; it appears when it is complete and its hash right.

    What was received of it before lies in `<path>.part` and is not asked for again.

    Parameters
    ----------
    item : what
    path : where to
    retries : after what may pass: lost connections, busy servers, files cut short
    wait : seconds before the first of them, each time twice as long
    timeout : seconds without an answer

    Raises
    ------
    InputError
        If the file is not there, does not come after all tries, or is another than expected.
    """
    if item.md5 is None and item.sha256 is None and item.bytes is None:
        raise InputError(f"{item.name}: neither a hash nor a size is known of {item.url}")
    path = Path(path)
    if path.is_file() and _mistake(item, path) is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    logger.info("%s: %s (%s, licence: %s)", path.name, item.url, item.source, item.licence)
    for attempt in range(retries + 1):
        try:
            _receive(item, part, timeout)
            break
        except _Passing as error:
            if attempt == retries:
                raise InputError(f"{item.url}: {error}, {retries + 1} times") from None
            pause = error.after if error.after is not None else wait * 2**attempt
            logger.info("%s: %s; again in %.0f s", item.url, error, pause)
            time.sleep(pause)
    if mistake := _mistake(item, part):
        part.unlink()
        raise InputError(f"{item.url}: {mistake}")
    part.replace(path)


class _Passing(Exception):
    """A failure that may pass; `after` so many seconds, if the server says so."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


def _receive(item: Download, part: Path, timeout: float) -> None:
    """Add to `part` what it lacks."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(item.url, headers={"User-Agent": "deeprecon"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            if have and response.status != 206:  # the server sends all of it
                have = 0
            length = response.headers.get("Content-Length")
            total = have + int(length) if length else item.bytes
            with part.open("ab" if have else "wb") as file:
                _copy(response, file, part.name, have, total)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing beyond what is here: the hash will tell
            return
        if error.code not in _PASSING:
            raise InputError(f"{item.url}: {error.code} {error.reason}") from None
        after = error.headers.get("Retry-After", "")
        raise _Passing(
            f"{error.code} {error.reason}", float(after) if after.isdigit() else None
        ) from None
    except urllib.error.URLError as error:
        raise _Passing(str(error.reason)) from None
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise _Passing(f"{type(error).__name__} {error}".strip()) from None


def _copy(response: Any, file: Any, name: str, have: int, total: int | None) -> None:
    """Write what comes, with a line every few seconds."""
    begun = shown = time.monotonic()
    received = have
    while chunk := response.read(_CHUNK):
        file.write(chunk)
        received += len(chunk)
        now = time.monotonic()
        if now - shown > _LINE_EVERY:
            shown, rate = now, (received - have) / (now - begun)
            left = f", {(total - received) / rate:.0f} s left" if total else ""
            share = f" ({received / total:.0%})" if total else ""
            logger.info("%s: %.0f MB%s, %.1f MB/s%s", name, received / 1e6, share, rate / 1e6, left)
    if total is not None and received < total:
        raise _Passing(f"ended after {received} of {total} bytes")


def _mistake(item: Download, path: Path) -> str | None:
    """In what a file differs from what is expected."""
    size = path.stat().st_size
    if item.bytes is not None and size != item.bytes:
        return f"{size} bytes, expected {item.bytes}"
    md5, sha256 = digests(path)
    if item.md5 is not None and md5 != item.md5:
        return f"MD5 {md5}, expected {item.md5}"
    if item.sha256 is not None and not sha256.startswith(item.sha256):
        return f"SHA-256 {sha256}, expected {item.sha256}"
    return None

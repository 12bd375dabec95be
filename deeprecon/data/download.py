"""Download the external files listed in `downloads.tsv`."""

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
from pathlib import Path
from typing import Any

from deeprecon import package_data
from deeprecon.errors import InputError

logger = logging.getLogger(__name__)

_CHUNK = 1 << 20
_LOG_INTERVAL = 5.0  # s
_TEMPORARY = {408, 425, 429, 500, 502, 503, 504}  # HTTP status codes


@dataclass(frozen=True)
class Download:
    """A row of `downloads.tsv`.

    Attributes
    ----------
    name : name in settings and rules
    file : name of the local file
    url : address
    bytes : size, if known
    md5, sha256 : hexadecimal digits, if known; at least the first 8 of SHA-256
    licence, source, purpose : information for people
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
    """Read the table of downloads, name -> row."""
    with package_data.path("data/downloads.tsv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return {row["name"]: _row(row) for row in rows}


def _row(row: dict[str, str]) -> Download:
    known: dict[str, Any] = {key: None if v == "n/a" else v for key, v in row.items()}
    return Download(**known | {"bytes": None if known["bytes"] is None else int(known["bytes"])})


def digests(path: str | os.PathLike[str]) -> tuple[str, str]:
    """MD5 and SHA-256 of a file as hexadecimal digits."""
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
    """Download a file unless it exists; it appears once it is complete and its hash is right.

    An interrupted download is kept in `<path>.part` and resumed.

    Parameters
    ----------
    item : file to download
    path : local path
    retries : number of retries after temporary failures: lost connections, busy servers, truncated
        files
    wait : time before the first retry, s; it doubles with each retry
    timeout : time to wait for an answer, s

    Raises
    ------
    InputError
        If the file does not exist, cannot be downloaded after all retries, or is not the expected
        one.
    """
    if item.md5 is None and item.sha256 is None and item.bytes is None:
        raise InputError(f"{item.name}: neither a hash nor a size is known of {item.url}")
    path = Path(path)
    if path.is_file() and _mismatch(item, path) is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    logger.info("%s: %s (%s, licence: %s)", path.name, item.url, item.source, item.licence)
    for attempt in range(retries + 1):
        try:
            _receive(item, part, timeout)
            break
        except _Temporary as error:
            if attempt == retries:
                raise InputError(f"{item.url}: {error}, {retries + 1} times") from None
            pause = error.after if error.after is not None else wait * 2**attempt
            logger.info("%s: %s; again in %.0f s", item.url, error, pause)
            time.sleep(pause)
    if mismatch := _mismatch(item, part):
        part.unlink()
        raise InputError(f"{item.url}: {mismatch}")
    part.replace(path)


class _Temporary(Exception):
    """A temporary failure; `after` is the delay in s that the server asks for, if any."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


def _receive(item: Download, part: Path, timeout: float) -> None:
    """Download the rest of a file to `part`."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(item.url, headers={"User-Agent": "deeprecon"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            if have and response.status != 206:  # the server sends the whole file
                have = 0
            length = response.headers.get("Content-Length")
            total = have + int(length) if length else item.bytes
            with part.open("ab" if have else "wb") as file:
                _copy(response, file, part.name, have, total)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the file is complete already; the hash is checked later
            return
        if error.code not in _TEMPORARY:
            raise InputError(f"{item.url}: {error.code} {error.reason}") from None
        after = error.headers.get("Retry-After", "")
        raise _Temporary(
            f"{error.code} {error.reason}", float(after) if after.isdigit() else None
        ) from None
    except urllib.error.URLError as error:
        raise _Temporary(str(error.reason)) from None
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise _Temporary(f"{type(error).__name__} {error}".strip()) from None


def _copy(response: Any, file: Any, name: str, have: int, total: int | None) -> None:
    """Write the data received, and log progress every few seconds."""
    begun = shown = time.monotonic()
    received = have
    while chunk := response.read(_CHUNK):
        file.write(chunk)
        received += len(chunk)
        now = time.monotonic()
        if now - shown > _LOG_INTERVAL:
            shown, rate = now, (received - have) / (now - begun)
            left = f", {(total - received) / rate:.0f} s left" if total else ""
            share = f" ({received / total:.0%})" if total else ""
            logger.info("%s: %.0f MB%s, %.1f MB/s%s", name, received / 1e6, share, rate / 1e6, left)
    if total is not None and received < total:
        raise _Temporary(f"ended after {received} of {total} bytes")


def _mismatch(item: Download, path: Path) -> str | None:
    """Say how a file differs from the expected one, or return None."""
    size = path.stat().st_size
    if item.bytes is not None and size != item.bytes:
        return f"{size} bytes, expected {item.bytes}"
    md5, sha256 = digests(path)
    if item.md5 is not None and md5 != item.md5:
        return f"MD5 {md5}, expected {item.md5}"
    if item.sha256 is not None and not sha256.startswith(item.sha256):
        return f"SHA-256 {sha256}, expected {item.sha256}"
    return None

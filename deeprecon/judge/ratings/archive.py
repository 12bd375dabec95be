"""Ratings in a zip archive, as JATOS 3.8 and later exports results (.zip, .jrzip).

An archive is read in memory, member by member, up to a limit. Nothing is written to disk.
"""

import io
import re
import stat
import zipfile
from collections.abc import Callable
from pathlib import PurePosixPath

from deeprecon.judge.ratings.sheets import Contents
from deeprecon.judge.ratings.untrusted import MAX_BYTES, Refused, ignorable, shown_name

MAX_MEMBERS = 20_000
MAX_TOTAL = 10 * MAX_BYTES
SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")

_ENTRY = b"PK\x01\x02"  # one for each member in the central directory
_JATOS = re.compile(r"(.*/)?comp-result_[^/]*/data\.txt")
_SUFFIXES = (".json", ".jsonl", ".csv", ".tsv", ".txt")


def read_archive(data: bytes, read: Callable[[bytes], Contents]) -> Contents:
    """Sheets of the members of an archive.

    Parameters
    ----------
    data : content of the archive
    read : reads the bytes of a member

    Raises
    ------
    Refused
        "bad_archive" if the archive is broken or encrypted, names paths outside itself, contains
        links, or unpacks to more than `MAX_TOTAL`; `Contents.refused` lists members that cannot
        be read.
    """
    if data.count(_ENTRY) > MAX_MEMBERS:
        raise Refused("bad_archive", f"found more than {MAX_MEMBERS} members in the archive")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        members = archive.infolist()
    except Exception as error:  # zipfile raises many kinds for malformed bytes
        raise _broken(error) from None
    for member in members:
        _check_member(member)
    contents, total = Contents(), 0
    for member in _with_ratings(members):
        where = shown_name(member.filename)
        try:
            unpacked = _unpacked(archive, member)
            total += len(unpacked)
            if total > MAX_TOTAL:
                raise _too_large(MAX_TOTAL)
            if unpacked.startswith(SIGNATURES):
                raise Refused("bad_archive", "found an archive in the archive, expected results")
            if unpacked.strip():
                contents.add(read(unpacked), where)
        except Refused as refused:
            contents.refuse(refused, where)
            if total > MAX_TOTAL:
                break
    return contents


def _check_member(member: zipfile.ZipInfo) -> None:
    """Refuse an archive with a member that no export of results contains."""
    where = shown_name(member.filename)
    parts = PurePosixPath(member.filename.replace("\\", "/")).parts
    if ".." in parts or member.filename.startswith(("/", "\\")) or ":" in member.filename[:3]:
        raise Refused("bad_archive", f"the member {where} lies outside the archive")
    if member.flag_bits & 1:
        raise Refused("bad_archive", f"the member {where} is encrypted")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise Refused("bad_archive", f"the member {where} is a symbolic link, expected a file")


def _with_ratings(members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """The results that JATOS stores or, in other archives, all files that can hold ratings."""
    if any(member.filename == "[Content_Types].xml" for member in members):
        raise Refused("unrecognised", "found an Office document, expected a table saved as CSV")
    files = [member for member in members if not member.is_dir()]
    results = [member for member in files if _JATOS.fullmatch(member.filename)]
    if not results:
        results = [member for member in files if _may_hold_ratings(member.filename)]
    if not results:
        raise Refused("no_trials", f"found {len(files)} members, none of them with ratings")
    return results


def _may_hold_ratings(name: str) -> bool:
    """Judge by the name; nested archives are included so that they are refused with a message."""
    parts = name.split("/")
    return (
        not any(ignorable(part) for part in parts)
        and parts[-1] != "metadata.json"
        and parts[-1].lower().endswith((*_SUFFIXES, ".zip", ".jrzip"))
    )


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Bytes of a member; the size that the archive states is not trusted."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused("bad_archive", "is compressed by an unsupported method, expected deflate")
    try:
        with archive.open(member) as file:
            unpacked = file.read(MAX_BYTES + 1)
    except Exception as error:  # zipfile again
        raise _broken(error) from None
    if len(unpacked) > MAX_BYTES:
        raise _too_large(MAX_BYTES)
    return unpacked


def _too_large(limit: int) -> Refused:
    return Refused("bad_archive", f"unpacks to more than {limit} bytes", limit=limit)


def _broken(error: Exception) -> Refused:
    return Refused("bad_archive", f"the archive is broken ({type(error).__name__})")

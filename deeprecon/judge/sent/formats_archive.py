"""Ratings in a zip archive, as JATOS 3.8 and later exports results (.zip, .jrzip).

An archive is read in memory, member by member, up to a limit; nothing is written to disk.
"""

import io
import re
import stat
import zipfile
from collections.abc import Callable
from pathlib import PurePosixPath

from deeprecon.judge.sent.sheets import Contents
from deeprecon.judge.sent.untrusted import MAX_BYTES, Refused, ignorable, shown_name

MAX_MEMBERS = 20_000
MAX_TOTAL = 10 * MAX_BYTES
SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")

_ENTRY = b"PK\x01\x02"  # of the central directory, one for each member
_JATOS = re.compile(r"(.*/)?comp-result_[^/]*/data\.txt")
_SUFFIXES = (".json", ".jsonl", ".csv", ".tsv", ".txt")


def read_archive(data: bytes, read: Callable[[bytes], Contents]) -> Contents:
    """Sheets of the members of an archive.

    Parameters
    ----------
    data : content of the archive
    read : reader of a member's bytes

    Raises
    ------
    Refused
        "bad_archive" if the archive is broken or encrypted, names paths outside of itself, holds
        links, or unpacks to more than `MAX_TOTAL`; `Contents.refused` has members that cannot be
        read.
    """
    if data.count(_ENTRY) > MAX_MEMBERS:
        raise Refused("bad_archive", f"found more than {MAX_MEMBERS} members in the archive")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        members = archive.infolist()
    except Exception as error:  # any: the bytes are a stranger's, and zipfile's errors are many
        raise _broken(error) from None
    for member in members:
        _check_member(member)
    chosen = _with_ratings(members)
    contents, total = Contents(), 0
    for member in chosen:
        where = shown_name(member.filename)
        try:
            unpacked = _unpacked(archive, member)
            total += len(unpacked)
            if total > MAX_TOTAL:
                raise Refused(
                    "bad_archive", f"unpacks to more than {MAX_TOTAL} bytes", limit=str(MAX_TOTAL)
                )
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
    """Refuse an archive for one member that no export of results has."""
    where = shown_name(member.filename)
    parts = PurePosixPath(member.filename.replace("\\", "/")).parts
    if ".." in parts or member.filename.startswith(("/", "\\")) or ":" in member.filename[:3]:
        raise Refused("bad_archive", f"found the member {where}, expected names inside the archive")
    if member.flag_bits & 1:
        raise Refused("bad_archive", f"the member {where} is encrypted, expected an open archive")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise Refused("bad_archive", f"the member {where} is a symbolic link, expected a file")


def _with_ratings(members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """The results that JATOS stores; in other archives, all files that can hold ratings."""
    if any(member.filename == "[Content_Types].xml" for member in members):
        raise Refused("unrecognised", "found a document of Office, expected a table saved as CSV")
    files = [member for member in members if not member.is_dir()]
    results = [member for member in files if _JATOS.fullmatch(member.filename)]
    if not results:
        results = [member for member in files if _may_hold_ratings(member.filename)]
    if not results:
        raise Refused("no_trials", f"found {len(files)} members, none of them with ratings")
    return results


def _may_hold_ratings(name: str) -> bool:
    """By the name: archives in the archive are named in order to be refused."""
    parts = name.split("/")
    return (
        not any(ignorable(part) for part in parts)
        and parts[-1] != "metadata.json"
        and parts[-1].lower().endswith((*_SUFFIXES, ".zip", ".jrzip"))
    )


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Bytes of a member; a size that the archive tells is not believed."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused("bad_archive", "is packed in a way that is not read, expected deflate")
    try:
        with archive.open(member) as file:
            unpacked = file.read(MAX_BYTES + 1)
    except Exception as error:  # as above
        raise _broken(error) from None
    if len(unpacked) > MAX_BYTES:
        raise Refused(
            "bad_archive", f"unpacks to more than {MAX_BYTES} bytes", limit=str(MAX_BYTES)
        )
    return unpacked


def _broken(error: Exception) -> Refused:
    return Refused("bad_archive", f"the archive is broken ({type(error).__name__})")

"""Compare two folders of results: `python -m benchmarks.compare_results OLD NEW`.

The program compares all tables (TSV, cell by cell), all datasets of HDF5 files (type, shape and
bytes) and all PNG files (byte by byte). It ignores HDF5 attributes, which contain versions. It
prints one line for each difference and exits with status 1 if there are any.

    --column old=new     a column that was renamed, in those tables that have the new name
    --dataset old=new    a dataset of HDF5 files, or a group, that was renamed
    --text COLUMN        a column of tables whose wording may differ
    --ignore PATTERN     files to leave out, such as 'logs/*'
"""

import argparse
import csv
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import h5py
import numpy as np

SUFFIXES = (".tsv", ".h5", ".png")
IGNORED = ("logs/*", "benchmarks/*")


@dataclass(frozen=True)
class Allowed:
    """Differences that are intended.

    Attributes
    ----------
    columns, datasets : old name -> new name
    text : columns whose wording may differ
    ignored : patterns of files to leave out
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    datasets: Mapping[str, str] = field(default_factory=dict)
    text: tuple[str, ...] = ()
    ignored: tuple[str, ...] = IGNORED


def differences(old: Path, new: Path, allowed: Allowed | None = None) -> Iterator[str]:
    """One line for each difference between two folders of results."""
    allowed = allowed or Allowed()
    names = [set(_files(folder, allowed.ignored)) for folder in (old, new)]
    for name in sorted(names[0] ^ names[1]):
        yield f"{name}: only in {old if name in names[0] else new}"
    for name in sorted(names[0] & names[1]):
        compare = {".tsv": _tables, ".h5": _arrays, ".png": _bytes}[Path(name).suffix]
        for line in compare(old / name, new / name, allowed):
            yield f"{name}: {line}"


def _files(folder: Path, ignored: tuple[str, ...]) -> Iterator[str]:
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        left_out = any(fnmatch(name, pattern) for pattern in ignored)
        if path.suffix in SUFFIXES and path.is_file() and not left_out:
            yield name


def _tables(old: Path, new: Path, allowed: Allowed) -> Iterator[str]:
    """Differences between two tables, named by column."""
    (before, *rows_before), (after, *rows_after) = _rows(old), _rows(new)
    before = [new if (new := allowed.columns.get(name)) in after else name for name in before]
    if before != after:
        yield f"columns {sorted(set(before) ^ set(after)) or 'in another order'}"
        return
    if len(rows_before) != len(rows_after):
        yield f"{len(rows_before)} rows and {len(rows_after)}"
        return
    for k, name in enumerate(after):
        wrong = [
            i
            for i, (a, b) in enumerate(zip(rows_before, rows_after, strict=True))
            if a[k] != b[k] and name not in allowed.text
        ]
        if wrong:
            a, b = rows_before[wrong[0]][k], rows_after[wrong[0]][k]
            first = f"first row {wrong[0] + 2}: {a!r}, {b!r}"
            yield f"column {name!r}: {len(wrong)} rows differ, {first}"


def _rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file, delimiter="\t")) or [[]]


def _arrays(old: Path, new: Path, allowed: Allowed) -> Iterator[str]:
    """Differences between the datasets of two HDF5 files."""
    with h5py.File(old) as first, h5py.File(new) as second:
        before = {_renamed(name, allowed.datasets): first[name] for name in _datasets(first)}
        after = {name: second[name] for name in _datasets(second)}
        for name in sorted(before.keys() ^ after.keys()):
            yield f"dataset {name!r}: only in one"
        for name in sorted(before.keys() & after.keys()):
            a, b = before[name][()], after[name][()]
            if before[name].dtype != after[name].dtype or before[name].shape != after[name].shape:
                yield f"dataset {name!r}: {a.dtype} {a.shape} and {b.dtype} {b.shape}"
            elif _digest(a) != _digest(b):
                yield f"dataset {name!r}: {_largest(a, b)}"


def _datasets(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visititems(
        lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
    )
    return names


def _renamed(name: str, datasets: Mapping[str, str]) -> str:
    return "/".join(datasets.get(part, part) for part in name.split("/"))


def _digest(array: object) -> str:
    values = np.asarray(array)
    data = repr(values.tolist()).encode() if values.dtype == object else values.tobytes()
    return hashlib.sha256(data).hexdigest()


def _largest(a: object, b: object) -> str:
    """Describe how much two arrays differ."""
    first, second = np.asarray(a), np.asarray(b)
    if not np.issubdtype(first.dtype, np.number):
        return "values differ"
    apart = np.abs(first.astype(np.float64) - second.astype(np.float64))
    return f"{np.count_nonzero(first != second)} of {first.size} differ, by {np.nanmax(apart):.3g}"


def _bytes(old: Path, new: Path, allowed: Allowed) -> Iterator[str]:
    if old.read_bytes() != new.read_bytes():
        yield "another image"


def _pairs(given: list[str]) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in given)  # type: ignore[misc]


def main() -> int:
    """Print all differences."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    for option in ("--column", "--dataset", "--text", "--ignore"):
        parser.add_argument(option, action="append", default=[])
    given = parser.parse_args()
    allowed = Allowed(
        _pairs(given.column), _pairs(given.dataset), tuple(given.text),
        (*IGNORED, *given.ignore),
    )  # fmt: skip
    found = list(differences(given.old, given.new, allowed))
    print("\n".join(found) or "no differences")
    return int(bool(found))


if __name__ == "__main__":
    raise SystemExit(main())

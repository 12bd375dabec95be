"""The command `deeprecon`: describe, export and archive files. Snakemake runs the studies.

deeprecon bdata info FILE [--json]
deeprecon decoded export STUDY OUTPUT [--decoder NAME] [--format bdpy]
deeprecon archive STUDY OUTPUT.zip [--author NAME] [--license ADDRESS]
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deeprecon.data.bdata import VOXELS, BData, read_bdata
from deeprecon.decode.export import export_decoded
from deeprecon.errors import InputError
from deeprecon.report.crate import archive

_N_SHOWN = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : arguments; by default those of the process

    Returns
    -------
    exit status : 0, or 1 after bad input, which one line on stderr describes
    """
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except InputError as error:
        print(f"deeprecon: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    """Commands and their arguments."""
    parser = argparse.ArgumentParser(prog="deeprecon", description="Work with a study's files.")
    kinds = parser.add_subparsers(required=True, metavar="KIND")
    bdata = kinds.add_parser("bdata", help="samples in the Kamitani lab's format (HDF5)")
    commands = bdata.add_subparsers(required=True, metavar="COMMAND")
    info = commands.add_parser("info", help="describe the columns of a file")
    info.add_argument("file", type=Path, help="BData file (.h5)")
    info.add_argument("--json", action="store_true", help="print JSON")
    info.set_defaults(run=_bdata_info)
    decoded = kinds.add_parser("decoded", help="decoded features")
    commands = decoded.add_subparsers(required=True, metavar="COMMAND")
    export = commands.add_parser("export", help="export for other programs")
    export.add_argument("study", type=Path, help="folder of a study's results, results/<study>")
    export.add_argument("output", type=Path, help="folder to write to")
    export.add_argument("--decoder", help="export only this decoder")
    export.add_argument(
        "--format",
        choices=["bdpy"],
        default="bdpy",
        help="bdpy: one MATLAB v7.3 file per stimulus, for bdpy.dataform.DecodedFeatures",
    )
    export.set_defaults(run=_decoded_export)
    crate = kinds.add_parser("archive", help="pack a finished study as an RO-Crate")
    crate.add_argument("study", type=Path, help="folder of a study's results, results/<study>")
    crate.add_argument("output", type=Path, help="zip file to write")
    crate.add_argument("--author", help="name of the author")
    crate.add_argument("--license", help="URL of the licence of the contents")
    crate.set_defaults(run=_archive)
    return parser


def _bdata_info(arguments: argparse.Namespace) -> None:
    """Print a description of a BData file."""
    found = describe(read_bdata(arguments.file))
    print(json.dumps(found, indent=2) if arguments.json else _table(arguments.file, found))


def _archive(arguments: argparse.Namespace) -> None:
    """Write the RO-Crate of a study."""
    n_files = archive(arguments.study, arguments.output, arguments.author, arguments.license)
    print(f"{arguments.output}: {n_files} files")


def _decoded_export(arguments: argparse.Namespace) -> None:
    """Export decoded features for the programs of the Kamitani lab."""
    n_files = export_decoded(arguments.study, arguments.output, arguments.decoder)
    print(f"{arguments.output}: {n_files} files")


def describe(data: BData) -> dict[str, Any]:
    """Describe a BData table.

    Returns
    -------
    dict
        n_samples, n_voxels, n_columns, and keys: for each key a dict of key, description, type,
        n_columns, columns (first and last, from 0) and a summary of the values. Types: voxels; roi
        (flag of voxels); labels (numbers with names); numbers (other columns); values (properties
        of columns, such as voxel_x); empty.
    """
    keys = [
        {"key": key, "description": row.description, **_key(data, key)}
        for key, row in data.metadata.items()
    ]
    n_voxels = int(data.columns(VOXELS).sum()) if VOXELS in data.metadata else 0
    n_samples, n_columns = data.dataset.shape
    return {"n_samples": n_samples, "n_voxels": n_voxels, "n_columns": n_columns, "keys": keys}


def _key(data: BData, key: str) -> dict[str, Any]:
    """Type of a key, number of its columns and summary of their values."""
    value = data.metadata[key].value
    given, ones = ~np.isnan(value), value == 1.0
    is_flag = np.isin(value[given], (0.0, 1.0)).all()
    if not given.any() or (is_flag and not ones.any()):
        return {"type": "empty", "n_columns": 0, "columns": None}
    indices = np.flatnonzero(ones if is_flag else given)
    found = {"n_columns": len(indices), "columns": [int(indices[0]), int(indices[-1])]}
    if not is_flag:
        return {"type": "values", **found, **_range(value[given])}
    columns = data.dataset[:, indices]
    if key == VOXELS:
        return {"type": "voxels", **found, **_range(columns)}
    if VOXELS in data.metadata and (data.metadata[VOXELS].value[indices] == 1.0).all():
        return {"type": "roi", **found}
    if key in data.vmap:
        return {"type": "labels", **found, **_names(columns, data.vmap[key])}
    n_distinct = len(np.unique(columns[~np.isnan(columns)]))
    return {"type": "numbers", **found, "n_distinct": n_distinct, **_range(columns)}


def _names(columns: np.ndarray, names: dict[float, str]) -> dict[str, Any]:
    """Number of distinct names in a label column, and the first few."""
    numbers = list(dict.fromkeys(columns[~np.isnan(columns)].tolist()))
    shown = [names.get(number, f"{number:g} (no name)") for number in numbers[:_N_SHOWN]]
    missing = int(np.isnan(columns).sum())
    return {"n_distinct": len(numbers), "first": shown, "n_missing": missing}


def _range(values: np.ndarray) -> dict[str, Any]:
    """Smallest and largest value; None if all are missing."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (None, None)
    return {"min": low, "max": high, "n_missing": int(values.size - finite.size)}


def _table(path: Path, found: dict[str, Any]) -> str:
    """Format the description as text."""
    rows = [("key", "type", "columns", "content", "description")]
    rows += [
        (key["key"], key["type"], _columns(key), _details(key), key["description"])
        for key in found["keys"]
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    counts = (
        f"{found['n_samples']} samples, {found['n_voxels']} voxels, {found['n_columns']} columns"
    )
    return "\n".join([f"{path}: {counts}", "", *lines])


def _columns(key: dict[str, Any]) -> str:
    """Format the columns of a key, counted from 0."""
    if key["columns"] is None:
        return "none"
    first, last = key["columns"]
    if key["n_columns"] == last - first + 1:
        return f"{first}" if first == last else f"{first}-{last}"
    return f"{key['n_columns']} of {first}-{last}"


def _details(key: dict[str, Any]) -> str:
    """Describe the values in the columns of a key."""
    parts = []
    if key["type"] == "labels":
        more = ", ..." if key["n_distinct"] > len(key["first"]) else ""
        parts.append(f"{key['n_distinct']} names: {', '.join(key['first'])}{more}")
    if key["type"] == "roi":
        parts.append(f"{key['n_columns']} voxels")
    if key.get("min") is not None:
        # Ids such as 1518878.005958 need all their digits.
        digits = 15 if key["type"] == "numbers" else 6
        distinct = f"{key['n_distinct']} distinct, " if key["type"] == "numbers" else ""
        parts.append(f"{distinct}{key['min']:.{digits}g} to {key['max']:.{digits}g}")
    if key.get("n_missing"):
        parts.append(f"{key['n_missing']} missing")
    return "; ".join(parts)

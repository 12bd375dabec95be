"""Decoded features in the file formats of the Kamitani lab.

Each stimulus has a MATLAB file with the array `feat`, in one of two layouts.

- Published with Shen et al. 2019 (figshare 7033577): zip files with members
  `<kind>/<network>/<layer>/<subject>/<roi>/<kind>-<network>-<layer>-<subject>-<roi>-Img0001.mat`,
  shape unit_shape, MATLAB v5. `kamitani_files.tsv` lists them.
- Modern, used by KamitaniLab/feature-decoding and bdpy: `<layer>/<subject>/<roi>/<stimulus>.mat`,
  shape (1, *unit_shape), MATLAB v7.3.
"""

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deeprecon import package_data
from deeprecon.data.stimuli import read_stimuli
from deeprecon.decode.mat import AnyPath, open_binary, read_stream
from deeprecon.errors import InputError, about, reason

KINDS = ("natural", "color_shape", "alphabet", "imagery")


class _Published(NamedTuple):
    """Parts of the names of the published files."""

    kind: str
    network: str
    layer: str
    subject: str
    roi: str

    @property
    def archive(self) -> str:
        """Name of the zip."""
        return f"decodedfeatures-{'-'.join(self[:4])}.zip"

    @property
    def prefix(self) -> str:
        """Common prefix of the file names of all stimuli."""
        return "-".join(self) + "-"


class _Stimulus(NamedTuple):
    """The file of a stimulus: the id, a label for messages, and a function that opens it."""

    id: str
    label: str
    opened: Callable[[], BinaryIO]


def read_layer(
    source: AnyPath,
    layer: str,
    network: str = "VGG19",
    kind: str = "natural",
    subject: str = "S1",
    roi: str = "VC",
) -> tuple[NDArray[np.float32], list[str]]:
    """Read decoded features of a layer, in either layout.

    Parameters
    ----------
    source : folder
        Contains the published zips, their contents (possibly below `decodedfeatures`), or folders
        of layers in the modern layout.
    layer : name, such as conv1_1
    network : VGG19, or VGG19_leaky of imagery; not in the modern layout
    kind : one of `KINDS`; not in the modern layout
    subject, roi : names, such as S1 and VC

    Returns
    -------
    features : (n_stimuli, *unit_shape) float32 array; (n_stimuli, n_units) for fc layers
    stimulus_id : list of n_stimuli strings, sorted, such as Img0001

    Raises
    ------
    InputError
        If the layer, subject or ROI is missing (the message lists those found), a file is damaged,
        shapes differ, or the MD5 sum of a zip is not that of the published one.
    """
    if kind not in KINDS:
        raise InputError(f"kind {kind!r}, expected one of {', '.join(KINDS)}")
    source, wanted = Path(source), _Published(kind, network, layer, subject, roi)
    archive = source / wanted.archive
    if archive.is_file():
        _check_md5(archive)
        with about(archive), _opened_zip(archive) as opened:
            return _stacked(_in_zip(opened, wanted), _published_units)
    for root in (source / "decodedfeatures", source):
        if (root / kind).is_dir():
            folder = _descend(root, wanted)
            return _stacked(_in_folder(folder, wanted.prefix), _published_units)
    _check_no_zips(source, wanted)
    return _stacked(_in_folder(_descend(source, wanted[2:]), ""), _modern_units)


def import_layer(
    folders: Sequence[AnyPath],
    tables: Sequence[AnyPath],
    layer: str,
    kinds: Sequence[str],
    network: str,
    subject: str,
    roi: str,
) -> list[tuple[NDArray[np.float32], list[str]]]:
    """Read decoded features of a layer for several stimulus sets.

    Parameters
    ----------
    folders : source of each set, see `read_layer`
    tables : TSV file of the stimuli of each set
    kinds : kind of each set, see `read_layer`
    layer, network, subject, roi : see `read_layer`

    Returns
    -------
    list of (features, stimulus_id), see `read_layer`

    Raises
    ------
    InputError
        See `read_layer`, or if a stimulus is not in the table of its set.
    """
    imported = []
    for folder, table, kind in zip(folders, tables, kinds, strict=True):
        features, ids = read_layer(folder, layer, network, kind, subject, roi)
        unknown = sorted(set(ids) - set(read_stimuli(table)["stimulus_id"]))
        if unknown:
            raise InputError(
                f"{table}: no row for {len(unknown)} of {len(ids)} decoded stimuli, such as "
                f"{unknown[0]!r}"
            )
        imported.append((features, ids))
    return imported


def _stacked(
    stimuli: list[_Stimulus], units: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> tuple[NDArray[np.float32], list[str]]:
    """Features (n_stimuli, *unit_shape) of all stimuli, and the stimulus ids."""
    for i, stimulus in enumerate(stimuli):
        with about(stimulus.label):
            row = units(read_stream(stimulus.opened, "feat"))
            if i == 0:
                features = np.empty((len(stimuli), *row.shape), np.float32)
            if row.shape != features.shape[1:]:
                raise InputError(
                    f"feat: units of shape {row.shape}, expected {features.shape[1:]} as in "
                    f"{stimuli[0].label}"
                )
            features[i] = row
    return features, [stimulus.id for stimulus in stimuli]


def _published_units(feat: NDArray[np.float32]) -> NDArray[np.float32]:
    """Units of a published file; fc layers are stored as a row or column in MATLAB."""
    return feat.reshape(-1) if feat.ndim == 2 else feat


def _modern_units(feat: NDArray[np.float32]) -> NDArray[np.float32]:
    """Units of a file in the modern layout, whose first axis is the stimulus."""
    if len(feat) != 1:
        raise InputError(f"feat: shape {feat.shape}, expected (1, *unit_shape)")
    return feat[0]


def _descend(root: Path, parts: tuple[str, ...]) -> Path:
    """The nested folder; if one is missing, raise an InputError that lists those found."""
    here = root
    for part in parts:
        if not (here / part).is_dir():
            there = sorted(path.name for path in here.glob("*/"))
            raise InputError(f"{here}: no folder {part!r}; found {', '.join(there) or 'none'}")
        here = here / part
    return here


def _in_folder(folder: Path, prefix: str) -> list[_Stimulus]:
    """Files of a folder whose names begin with `prefix`, sorted."""
    stimuli = [
        _Stimulus(_stimulus_id(path.name, prefix), str(path), partial(open_binary, path))
        for path in sorted(folder.glob("*.mat"))
        if path.name.startswith(prefix)
    ]
    if not stimuli:
        raise InputError(f"{folder}: no file {prefix}*.mat")
    return stimuli


def _stimulus_id(name: str, prefix: str) -> str:
    """Stimulus id from a file name; ids may contain dots, such as 1518878.005958."""
    return name.removeprefix(prefix).removesuffix(".mat")


@contextmanager
def _opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """An opened zip; raise an InputError without file name if it cannot be read."""
    try:
        archive = zipfile.ZipFile(path)
    except Exception as error:  # as above, many kinds
        raise InputError(f"not a readable zip ({reason(error)})") from None
    with archive:
        yield archive


def _in_zip(archive: zipfile.ZipFile, wanted: _Published) -> list[_Stimulus]:
    """Members of a zip that belong to an ROI, sorted by name."""
    members = {name: PurePosixPath(name) for name in sorted(archive.namelist())}
    stimuli = [
        _Stimulus(_stimulus_id(path.name, wanted.prefix), name, partial(_member, archive, name))
        for name, path in members.items()
        if path.name.startswith(wanted.prefix) and path.suffix == ".mat"
    ]
    if not stimuli:
        rois = sorted({path.parent.name for path in members.values() if path.suffix == ".mat"})
        raise InputError(
            f"no member {wanted.prefix}*.mat; found {', '.join(rois) or 'no .mat file'}"
        )
    return stimuli


def _member(archive: zipfile.ZipFile, name: str) -> BinaryIO:
    """Read a member into memory, because seeking in a zip is slow."""
    return io.BytesIO(archive.read(name))


def _check_no_zips(source: Path, wanted: _Published) -> None:
    """Raise InputError if the folder has published zips, but not the requested one."""
    pattern = r"decodedfeatures-(\w+)-(\w+)-(\w+)-(\w+)\.zip"
    matches = [re.fullmatch(pattern, path.name) for path in sorted(source.glob("*.zip"))]
    found = [match.groups() for match in matches if match]
    if not found:
        return
    place = (wanted.kind, wanted.network, wanted.subject)
    layers = [layer for *of, layer, who in found if (*of, who) == place]
    others = sorted({f"{kind}-{network}-*-{who}" for kind, network, _, who in found})
    raise InputError(
        f"{source}: no {wanted.archive}; found "
        + (f"layers {', '.join(layers)}" if layers else ", ".join(others))
    )


@cache
def _published_md5() -> dict[str, str]:
    """Name of each published zip -> its MD5 sum."""
    text = package_data.path("decode/kamitani_files.tsv").read_text("utf-8")
    return {row["file"]: row["md5"] for row in csv.DictReader(text.splitlines(), delimiter="\t")}


def _check_md5(archive: Path) -> None:
    """Raise InputError if a zip with a published name differs, for example is truncated."""
    expected = _published_md5().get(archive.name)
    if expected is None:
        return
    try:
        with archive.open("rb") as stream:
            found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
    except OSError as error:
        raise InputError(reason(error)) from None
    if found.hexdigest() != expected:
        raise InputError(
            f"{archive}: found MD5 {found.hexdigest()}, expected {expected} as published"
        )

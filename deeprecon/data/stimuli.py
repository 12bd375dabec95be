"""Stimulus tables and their images.

A stimulus table (`stimuli/{set}.tsv`) has one row per image: stimulus_id (string, as in the event
files), file (relative to the folder of the table), sha256 of the file, width and height in pixels,
category (where known).
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from deeprecon.atomic import replacing
from deeprecon.data.tsv import read_tsv
from deeprecon.errors import InputError, reason
from deeprecon.tables import write_table

Images = dict[str, tuple[NDArray[np.uint8], str]]
"""stimulus_id -> ((height, width, 3) image, category), in the order of the set."""


def write_stimuli(folder: str | os.PathLike[str], name: str, images: Images) -> None:
    """Write `{folder}/{name}/{stimulus_id}.png` and then the table `{folder}/{name}.tsv`."""
    folder = Path(folder)
    files = {}
    for stimulus_id, (image, _) in images.items():
        files[stimulus_id] = folder / name / f"{stimulus_id}.png"
        with replacing(files[stimulus_id]) as temporary:
            Image.fromarray(image).save(temporary)
    categories = {stimulus_id: category for stimulus_id, (_, category) in images.items()}
    _write_table(folder / f"{name}.tsv", files, categories)


def category_groups(table: pd.DataFrame) -> dict[str, str]:
    """Group stimuli by category; a stimulus of unknown category is a group of its own.

    Folds of such groups hold out whole categories, because the test images of the experiment come
    from categories that were not trained.

    Parameters
    ----------
    table : stimulus table from `read_stimuli`

    Returns
    -------
    dict : stimulus_id -> name of its group
    """
    ids = table["stimulus_id"]
    known = table["category"] if "category" in table else pd.Series("", index=table.index)
    return dict(zip(ids, known.where(known != "", ids), strict=True))


def import_stimuli(source: str | os.PathLike[str], table: str | os.PathLike[str]) -> None:
    """Copy the user's images of one set into the study and write their table.

    Parameters
    ----------
    source : the user's table, see `read_stimuli`
    table : table to write, `{folder}/{set}.tsv`; the images go to `{folder}/{set}/`

    Raises
    ------
    InputError
        If the table or an image cannot be read.
    """
    stimuli, table = read_stimuli(source), Path(table)
    for file in stimuli["file"]:
        with _open_image(file):  # every image is checked before the first one is copied
            pass
    files = {}
    for stimulus_id, file in zip(stimuli["stimulus_id"], stimuli["file"], strict=True):
        files[stimulus_id] = table.parent / table.stem / f"{stimulus_id}{Path(file).suffix}"
        with replacing(files[stimulus_id]) as temporary:
            shutil.copyfile(file, temporary)
    given = stimuli["category"] if "category" in stimuli else [""] * len(stimuli)
    _write_table(table, files, dict(zip(stimuli["stimulus_id"], given, strict=True)))


@contextmanager
def _open_image(file: str | Path) -> Iterator[Image.Image]:
    """Open an image; the message names the file, which Pillow's errors do not always do."""
    try:
        with Image.open(file) as image:
            yield image
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{file}: cannot be read as an image ({reason(error)})") from None


def _write_table(path: Path, files: Mapping[str, Path], categories: Mapping[str, str]) -> None:
    """Write the stimulus table of images that are in place already."""
    rows = []
    for stimulus_id, file in files.items():
        with _open_image(file) as image:
            width, height = image.size
        rows.append(
            {
                "stimulus_id": stimulus_id,
                "file": file.relative_to(path.parent).as_posix(),
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                "width": width,
                "height": height,
                "category": categories[stimulus_id],
            }
        )
    write_table(path, rows)


def read_stimuli(table: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a stimulus table; ids stay strings, `file` becomes a path that can be opened.

    Parameters
    ----------
    table : TSV file with the columns stimulus_id and file, and any others

    Raises
    ------
    InputError
        If a column is missing, an id occurs twice, or an image file does not exist.
    """
    frame = read_tsv(table)
    for column in ("stimulus_id", "file"):
        if column not in frame:
            raise InputError(f"{table}: no column {column!r}; found {list(frame.columns)}")
    twice = frame["stimulus_id"][frame["stimulus_id"].duplicated()]
    if len(twice):
        raise InputError(f"{table}: stimulus_id {twice.iloc[0]!r} occurs more than once")
    frame["file"] = [str(Path(table).parent / file) for file in frame["file"]]
    missing = [file for file in frame["file"] if not Path(file).is_file()]
    if missing:
        raise InputError(f"{table}: {len(missing)} image files are missing, such as {missing[0]}")
    if frame.empty:
        raise InputError(f"{table}: no stimuli")
    return frame


def stimulus_ids(tables: Mapping[str, str | os.PathLike[str]]) -> dict[str, list[str]]:
    """Read the stimulus ids of several sets.

    Parameters
    ----------
    tables : stimulus set -> its table

    Raises
    ------
    InputError
        See `read_stimuli`.
    """
    return {name: read_stimuli(path)["stimulus_id"].tolist() for name, path in tables.items()}


def load_images(table: pd.DataFrame, size: int, resampling: str = "area") -> NDArray[np.uint8]:
    """Load the images of a stimulus table.

    Images are cropped to their central square; transparent images are put on white.

    Parameters
    ----------
    table : stimulus table from `read_stimuli`
    size : side, pixels
    resampling : "area": averaging to shrink, bicubic to enlarge; "bicubic": always bicubic, as in
        Shen et al. (2019), with Pillow's smoothing before it shrinks

    Returns
    -------
    (n_stimuli, size, size, 3) uint8 array, RGB
    """
    return np.stack([_load_square(file, size, resampling) for file in table["file"]])


def _load_square(file: str, size: int, resampling: str) -> NDArray[np.uint8]:
    """One image: central square, RGB, resized."""
    with _open_image(file) as image:
        rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    rgb = Image.alpha_composite(white, rgba).convert("RGB")
    side = min(rgb.size)
    left, top = (rgb.width - side) // 2, (rgb.height - side) // 2
    rgb = rgb.crop((left, top, left + side, top + side))
    averaged = resampling == "area" and side >= size
    method = Image.Resampling.BOX if averaged else Image.Resampling.BICUBIC
    return np.asarray(rgb.resize((size, size), method))

"""Regions of interest: the voxels that become columns of the samples, from masks in T1w space."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from deeprecon.data.selection import evaluate
from deeprecon.errors import InputError

Members = dict[str, NDArray[np.bool_]]


@dataclass(frozen=True)
class VoxelTable:
    """The voxels in any ROI, in C order of the masks' grid (the last index runs fastest)."""

    xyz: NDArray[np.float64]  # (n_voxels, 3) world coordinates in T1w space, mm
    ijk: NDArray[np.int64]  # (n_voxels, 3) indices in the masks' grid
    members: Members  # ROI -> (n_voxels,)


def read_roi_masks(masks: Mapping[str, Sequence[Path]]) -> VoxelTable:
    """Read the masks of all ROIs, for example one a hemisphere.

    Parameters
    ----------
    masks : mapping
        ROI name to its NIfTI masks, whose union is the ROI; a voxel is in a mask where its value
        is not 0. All lie on one grid, of any resolution, in the world of the T1w image.

    Returns
    -------
    VoxelTable

    Raises
    ------
    InputError
        If a ROI has no mask or no voxel, or a mask has another grid than the first one, more than
        three dimensions, or values that are not finite.
    """
    volumes: Members = {}
    first: tuple[Path, nib.spatialimages.SpatialImage] | None = None
    for name, paths in masks.items():
        if not paths:
            raise InputError(f"ROI {name}: no mask file, expected at least one")
        for path in paths:
            img = _load(path)
            first = first or (path, img)
            _check_grid(path, img, *first)
            volume = np.asarray(img.dataobj)
            if not np.isfinite(volume).all():
                raise InputError(f"{path}: holds NaN or infinite values, expected a mask")
            volume = volume != 0
            volumes[name] = volumes[name] | volume if name in volumes else volume
        if not volumes[name].any():
            raise InputError(f"ROI {name}: no voxel in {', '.join(map(str, paths))}")
    if first is None:
        raise InputError("no ROI masks, expected at least one ROI")
    ijk = np.argwhere(np.any(list(volumes.values()), axis=0))
    members = {name: volume[*ijk.T] for name, volume in volumes.items()}
    return VoxelTable(apply_affine(first[1].affine, ijk), ijk, members)


def _load(path: Path) -> nib.spatialimages.SpatialImage:
    """Open a volume."""
    try:
        img = nib.load(path)
    except (FileNotFoundError, nib.filebasedimages.ImageFileError) as error:
        raise InputError(f"{path}: cannot be read as a mask: {error}") from error
    if not isinstance(img, nib.spatialimages.SpatialImage):
        raise InputError(f"{path}: {type(img).__name__}, expected a NIfTI volume")
    return img


def _check_grid(
    path: Path,
    img: nib.spatialimages.SpatialImage,
    first_path: Path,
    first: nib.spatialimages.SpatialImage,
) -> None:
    """Refuse a mask that is not 3-D or lies on another grid than the first."""
    if img.ndim != 3:
        raise InputError(f"{path}: shape {img.shape}, expected a mask with three dimensions")
    if img.shape != first.shape:
        raise InputError(f"{path}: shape {img.shape}, expected {first.shape} as {first_path}")
    if not np.allclose(img.affine, first.affine, atol=1e-3):
        raise InputError(f"{path}: its affine is not that of {first_path}")


def combine(members: Mapping[str, NDArray[np.bool_]], definitions: Mapping[str, str]) -> Members:
    """Add ROIs composed of others, in order, so that a definition may use those before it.

    Parameters
    ----------
    members : mapping
        ROI name to (n_voxels,) booleans.
    definitions : mapping
        New ROI name to an expression of names, ``+`` or ``|`` (union), ``&`` (intersection),
        ``-`` (without) and parentheses. All operators bind alike, from left to right, as in
        bdpy's selections. A definition of a name that exists replaces it.

    Returns
    -------
    dict
        `members` and the new ROIs.

    Raises
    ------
    InputError
        If an expression names an unknown ROI or cannot be read, or its ROI is empty.

    Examples
    --------
    >>> members = {"V1d": np.array([True, False, False]), "V1v": np.array([False, True, False])}
    >>> combine(members, {"V1": "V1d + V1v", "rest": "V1 - (V1 & V1d)"})["rest"]
    array([False,  True, False])
    """
    combined = dict(members)
    for name, expression in definitions.items():
        tokens = re.findall(r"\w+|\S", expression)
        where = f"ROI {name}: {expression!r}"
        mask = evaluate(tokens, partial(_member, combined, where), where)
        if tokens:
            raise InputError(f"{where}: found {tokens[0]!r}, expected + | & - or the end")
        if not mask.any():
            raise InputError(f"{where} holds no voxel")
        combined[name] = mask
    return combined


def _member(members: Members, where: str, token: str, rest: list[str]) -> NDArray[np.bool_]:
    """The voxels of a ROI by its name."""
    if token not in members:
        raise InputError(f"{where}: found {token!r}, expected one of {', '.join(members)} or '('")
    return members[token]

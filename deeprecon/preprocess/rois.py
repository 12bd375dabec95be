"""Regions of interest from masks or atlases in T1w space; their voxels become the columns."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from deeprecon.data.images import image_values, load_image
from deeprecon.data.selection import evaluate
from deeprecon.errors import InputError

Members = dict[str, NDArray[np.bool_]]


@dataclass(frozen=True)
class VoxelTable:
    """All voxels that belong to any ROI, in C order of their grid (last index fastest)."""

    xyz: NDArray[np.float64]  # (n_voxels, 3) world coordinates in T1w space, mm
    ijk: NDArray[np.int64]  # (n_voxels, 3) indices in the grid of the masks, or of the reference
    members: Members  # ROI -> (n_voxels,)


@dataclass(frozen=True)
class MaskFile:
    """One image from which an ROI, or part of it, is read."""

    path: Path
    labels: tuple[int, ...] = ()  # values of an atlas; empty: every voxel that is not 0

    def read(self, img: nib.spatialimages.SpatialImage) -> NDArray[np.bool_]:
        """Voxels of the ROI on the grid of the image, (x, y, z) bool."""
        volume = image_values(img)
        if not np.isfinite(volume).all():
            raise InputError(f"{self.path}: holds NaN or infinite values, expected a mask")
        if not self.labels:
            return volume != 0
        absent = [label for label in self.labels if not (volume == label).any()]
        if absent:
            there = np.unique(volume[volume != 0]).astype(int)[:20]
            raise InputError(f"{self.path}: no voxel has the label {absent[0]}; found {there}")
        return np.isin(volume, self.labels)


@dataclass(frozen=True)
class TargetGrid:
    """Grid of the BOLD reference, to which masks are resampled by nearest neighbour."""

    shape: tuple[int, ...]
    affine: NDArray[np.float64]  # (4, 4) voxel to world of the grid, mm
    to_t1w: NDArray[np.floating]  # (4, 4) world of the grid to world of the T1w image

    @classmethod
    def of(
        cls, reference: nib.spatialimages.SpatialImage, t1w_to_reference: NDArray[np.floating]
    ) -> "TargetGrid":
        """Take the grid of an image and the (4, 4) matrix from T1w to its world coordinates."""
        return cls(reference.shape, reference.affine, np.linalg.inv(t1w_to_reference))

    def resample(
        self, mask: NDArray[np.bool_], img: nib.spatialimages.SpatialImage
    ) -> NDArray[np.bool_]:
        """Resample a mask: each voxel of this grid takes the value at its centre."""
        to_mask = np.linalg.inv(img.affine) @ self.to_t1w @ self.affine
        ijk = np.indices(self.shape).reshape(3, -1).T
        nearest = np.rint(apply_affine(to_mask, ijk)).astype(int)
        inside = ((nearest >= 0) & (nearest < mask.shape)).all(axis=1)
        resampled = np.zeros(len(ijk), bool)
        resampled[inside] = mask[*nearest[inside].T]
        return resampled.reshape(self.shape)


def mask_files(
    names: Sequence[str], paths: Sequence[str], labels: Sequence[Sequence[int]]
) -> dict[str, list[MaskFile]]:
    """Group mask files by ROI.

    Parameters
    ----------
    names : ROI of each file
    paths : files
    labels : values of the ROI in each file, see `MaskFile`
    """
    masks: dict[str, list[MaskFile]] = {}
    for name, path, own in zip(names, paths, labels, strict=True):
        masks.setdefault(name, []).append(MaskFile(Path(path), tuple(own)))
    return masks


def read_roi_masks(
    masks: Mapping[str, Sequence[MaskFile]], target: TargetGrid | None = None
) -> VoxelTable:
    """Read the masks of all ROIs.

    Parameters
    ----------
    masks : mapping
        ROI name to its NIfTI images in T1w world coordinates, such as one per hemisphere. The ROI
        is their union.
    target : TargetGrid, optional
        Grid of the voxels. The masks may then lie on any grids. Without it, the voxels are those
        of the masks, which must share one grid.

    Returns
    -------
    VoxelTable

    Raises
    ------
    InputError
        If an ROI has no mask or no voxel, an atlas lacks a label, or a mask is not on the grid of
        the first one (without `target`), is not 3-D, or has values that are not finite.
    """
    volumes: Members = {}
    first: tuple[Path, nib.spatialimages.SpatialImage] | None = None
    for name, files in masks.items():
        if not files:
            raise InputError(f"ROI {name}: no mask file, expected at least one")
        for file in files:
            img = _load(file.path)
            first = first or (file.path, img)
            if target is None:
                _check_grid(file.path, img, *first)
            volume = file.read(img)
            if target is not None:
                volume = target.resample(volume, img)
            volumes[name] = volumes[name] | volume if name in volumes else volume
        if not volumes[name].any():
            where = ", ".join(str(file.path) for file in files)
            raise InputError(f"ROI {name}: no voxel in {where}" + _of_scan(target))
    if first is None:
        raise InputError("no ROI masks, expected at least one ROI")
    ijk = np.argwhere(np.any(list(volumes.values()), axis=0))
    members = {name: volume[*ijk.T] for name, volume in volumes.items()}
    affine = first[1].affine if target is None else target.to_t1w @ target.affine
    return VoxelTable(apply_affine(affine, ijk), ijk, members)


def _of_scan(target: TargetGrid | None) -> str:
    """End of the message about an empty ROI whose masks were resampled."""
    return "" if target is None else " that lies in the voxel grid of the BOLD reference"


def _load(path: Path) -> nib.spatialimages.SpatialImage:
    """Open a 3-D image."""
    img = load_image(path)
    if img.ndim != 3:
        raise InputError(f"{path}: shape {img.shape}, expected a mask with three dimensions")
    return img


def _check_grid(
    path: Path,
    img: nib.spatialimages.SpatialImage,
    first_path: Path,
    first: nib.spatialimages.SpatialImage,
) -> None:
    """Refuse a mask that does not lie on the grid of the first one."""
    if img.shape != first.shape:
        found = f"shape {img.shape}, expected {first.shape}"
    elif not np.allclose(img.affine, first.affine, atol=1e-3):
        found = "its affine is not that"
    else:
        return
    raise InputError(
        f"{path}: {found} of {first_path}; resample the masks to one grid, or "
        "set preprocess.voxel_grid: bold to have them resampled to the grid of the scans"
    )


def overlaps(members: Mapping[str, NDArray[np.bool_]]) -> pd.DataFrame:
    """List the pairs of ROIs that share voxels.

    Returns
    -------
    DataFrame
        roi, other, n_shared (voxels), share_of_smaller (n_shared / voxels of the smaller ROI).

    Examples
    --------
    >>> members = {"FFA": np.array([1, 1, 0], bool), "HVC": np.array([0, 1, 1], bool)}
    >>> overlaps(members)
       roi other  n_shared  share_of_smaller
    0  FFA   HVC         1               0.5
    """
    rows = []
    for (name, mask), (other, other_mask) in combinations(members.items(), 2):
        n_shared = int((mask & other_mask).sum())
        if n_shared:
            smaller = min(int(mask.sum()), int(other_mask.sum()))
            rows.append((name, other, n_shared, n_shared / smaller))
    return pd.DataFrame(rows, columns=["roi", "other", "n_shared", "share_of_smaller"])


def combine(members: Mapping[str, NDArray[np.bool_]], definitions: Mapping[str, str]) -> Members:
    """Add ROIs that are composed of others; a definition may use those before it.

    Parameters
    ----------
    members : mapping
        ROI name to (n_voxels,) booleans.
    definitions : mapping
        New ROI name to an expression of names, ``+`` or ``|`` (union), ``&`` (intersection),
        ``-`` (difference) and parentheses. All operators have the same precedence, from left to
        right, as in bdpy. A new definition replaces an existing ROI of that name.

    Returns
    -------
    dict
        `members` and the new ROIs.

    Raises
    ------
    InputError
        If an expression cannot be read or has an unknown name, or the ROI is empty.

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
    """Voxels of an ROI by its name."""
    if token not in members:
        raise InputError(f"{where}: found {token!r}, expected one of {', '.join(members)} or '('")
    return members[token]

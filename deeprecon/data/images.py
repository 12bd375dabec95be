"""Open NIfTI images, read them volume by volume, and report damaged ones in one line."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import DTypeLike, NDArray

from deeprecon.errors import InputError, reason


def load_image(path: str | PathLike[str]) -> nib.spatialimages.SpatialImage:
    """Open a NIfTI image without reading its values.

    Raises
    ------
    InputError
        If the file is missing or is not an image.
    """
    with readable_image(path):
        img = nib.load(path)
    if not isinstance(img, nib.spatialimages.SpatialImage):
        raise InputError(f"{path}: not an image of a volume")
    return img


@contextmanager
def readable_image(path: str | PathLike[str]) -> Iterator[None]:
    """Turn errors of nibabel about missing, damaged or truncated images into an InputError."""
    try:
        yield
    except InputError:
        raise
    # nibabel reads values lazily, and its errors depend on the kind of damage.
    except (
        OSError,
        EOFError,
        ValueError,
        zlib.error,
        nib.filebasedimages.ImageFileError,
        nib.spatialimages.HeaderDataError,
    ) as error:
        why = reason(error)
        raise InputError(f"{path}: cannot be read as an image ({why})") from None


def image_values(
    img: nib.spatialimages.SpatialImage, dtype: DTypeLike | None = None
) -> NDArray[Any]:
    """Read all values of an image, scaled.

    Raises
    ------
    InputError
        If the file is damaged or truncated.
    """
    with readable_image(img.get_filename() or "image"):
        return np.asarray(img.dataobj, dtype)


def read_volumes(img: nib.spatialimages.SpatialImage) -> Iterator[NDArray[np.float32]]:
    """Yield the volumes of a run one by one, scaled, so that memory stays at one volume.

    Raises
    ------
    InputError
        If the image is not 4-D or is truncated, or a volume is constant or not finite.
    """
    name = img.get_filename() or "image"
    if img.ndim != 4:
        raise InputError(f"{name}: shape {img.shape}, expected a run with four dimensions")
    if nib.is_proxy(img.dataobj) and img.get_filename():
        # Keep the file open; otherwise each volume of a compressed run would be reached by
        # decompressing all volumes before it again.
        img = nib.load(name, keep_file_open=True)  # type: ignore[assignment]
    for i in range(img.shape[3]):
        with readable_image(name):
            volume = np.asarray(img.dataobj[..., i], np.float32)
        check_volume(volume, f"{name}: volume {i}")
        yield volume


def check_volume(volume: NDArray[np.floating], name: str) -> None:
    """Refuse a volume that cannot be registered."""
    if volume.ndim != 3 or min(volume.shape) < 3:
        raise InputError(f"{name}: shape {volume.shape}, expected 3 dimensions of >= 3 voxels")
    if not np.isfinite(volume).all():
        raise InputError(f"{name}: holds NaN or infinite values")
    if volume.min() == volume.max():
        raise InputError(f"{name}: holds {volume.flat[0]:g} everywhere, expected a brain image")

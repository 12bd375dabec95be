"""Files of baseline pictures: one for each kind and stimulus of a set."""

import os
from collections.abc import Mapping, Sequence

import h5py
import numpy as np
from numpy.typing import NDArray

from deeprecon.features.store import rows_of
from deeprecon.hdf5 import reading, strings, writing

Images = NDArray[np.uint8]


def write_pictures(
    path: str | os.PathLike[str],
    pictures: Mapping[str, Images],
    stimulus_id: Sequence[str],
    attributes: Mapping[str, str],
) -> None:
    """Write an HDF5 file: `pictures/{kind}` (n, H, W, 3), and `stimulus_id`."""
    with writing(path, track_order=True) as file:
        group = file.create_group("pictures", track_order=True)
        for kind, images in pictures.items():
            group.create_dataset(kind, data=images, compression="gzip")
        file.create_dataset("stimulus_id", data=list(stimulus_id), dtype=h5py.string_dtype())
        file.attrs.update(attributes)


def read_pictures(path: str | os.PathLike[str], stimulus_id: Sequence[str]) -> dict[str, Images]:
    """Kind -> images (n, H, W, 3) in the order of `stimulus_id`.

    Raises
    ------
    InputError
        If a stimulus is missing.
    """
    with reading(path, "baseline pictures") as file:
        rows = rows_of(path, strings(file["stimulus_id"]), stimulus_id)
        return {kind: images[:][rows] for kind, images in file["pictures"].items()}

"""Files of baseline images: one array for each baseline of a set."""

import os
from collections.abc import Mapping, Sequence

import h5py
import numpy as np
from numpy.typing import NDArray

from deeprecon.features.store import rows_of
from deeprecon.hdf5 import reading, strings, writing

Images = NDArray[np.uint8]


def write_baselines(
    path: str | os.PathLike[str],
    baselines: Mapping[str, Images],
    stimulus_id: Sequence[str],
    attributes: Mapping[str, str],
) -> None:
    """Write an HDF5 file with the datasets `images/{baseline}` and `stimulus_id`.

    Parameters
    ----------
    path : file to write
    baselines : name -> images (n, H, W, 3)
    stimulus_id : stimuli of the n images
    attributes : attributes of the file
    """
    with writing(path, track_order=True) as file:
        group = file.create_group("images", track_order=True)
        for name, images in baselines.items():
            group.create_dataset(name, data=images, compression="gzip")
        file.create_dataset("stimulus_id", data=list(stimulus_id), dtype=h5py.string_dtype())
        file.attrs.update(attributes)


def read_baselines(path: str | os.PathLike[str], stimulus_id: Sequence[str]) -> dict[str, Images]:
    """Read baselines: name -> images (n, H, W, 3) in the order of `stimulus_id`.

    Raises
    ------
    InputError
        If a stimulus is missing.
    """
    with reading(path, "baseline images") as file:
        rows = rows_of(path, strings(file["stimulus_id"]), stimulus_id)
        return {name: images[:][rows] for name, images in file["images"].items()}

"""Files of reconstructions: arrays with the loss history, and one picture for each image."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deeprecon.atomic import replacing
from deeprecon.errors import InputError
from deeprecon.hdf5 import reading, writing


def write_reconstruction(
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    images: NDArray[np.uint8],
    raw: NDArray[np.float32],
    loss: NDArray[np.float32],
    stimulus_id: Sequence[str],
    attributes: Mapping[str, str],
) -> None:
    """Write `{folder}/{stimulus_id}.png` as shown, then the HDF5 file.

    Parameters
    ----------
    path : HDF5 file with the datasets `image`, `raw`, `loss` and `stimulus_id`
    folder : of the pictures
    images : (n, H, W, 3), as shown
    raw : (n, H, W, 3), 0-255
    loss : (n_evaluations, n)
    """
    for name, image in zip(stimulus_id, images, strict=True):
        with replacing(Path(folder) / f"{name}.png") as temporary:
            Image.fromarray(image).save(temporary)
    with writing(path) as file:
        file["image"], file["raw"], file["loss"] = images, raw, loss
        file.create_dataset("stimulus_id", data=list(stimulus_id), dtype=h5py.string_dtype())
        file.attrs.update(attributes)


def read_images(path: str | os.PathLike[str], stimulus_id: Sequence[str]) -> NDArray[np.uint8]:
    """The images of a reconstruction file as shown, in the order of `stimulus_id`.

    Raises
    ------
    InputError
        If a stimulus was not reconstructed.
    """
    with reading(path, "reconstructions") as file:
        row = {name: i for i, name in enumerate(file["stimulus_id"].asstr()[:])}
        images: NDArray[np.uint8] = file["image"][:]
    missing = [name for name in stimulus_id if name not in row]
    if missing:
        raise InputError(f"{path}: no reconstruction of stimulus {missing[0]!r}")
    return images[[row[name] for name in stimulus_id]]

"""Files of reconstructions: an HDF5 file with arrays and histories, and a PNG for each image."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deeprecon.atomic import replacing
from deeprecon.errors import InputError
from deeprecon.hdf5 import reading, strings, writing
from deeprecon.reconstruct.result import Reconstruction


def digest(*parts: Any) -> str:
    """Digest of texts and of mappings of arrays, to identify what a search depends on."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        for key, value in part.items() if isinstance(part, Mapping) else [("", part)]:
            found.update(str(key).encode())
            found.update(
                np.ascontiguousarray(value).data
                if isinstance(value, np.ndarray)
                else str(value).encode()
            )
    return found.hexdigest()


def write_reconstruction(
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    result: Reconstruction,
    stimulus_id: Sequence[str],
    attributes: Mapping[str, str | int],
) -> None:
    """Write `{folder}/{stimulus_id}.png` as displayed, then the HDF5 file.

    Parameters
    ----------
    path : HDF5 file with the datasets `stimulus_id`, `image` and `raw` (n, H, W, 3), `loss`
        (n_evaluations, n), `layer_loss` (n_layers, n), `layer`, `start` (n,), `snapshots` (n_times,
        n_snapshot, H, W, 3), `snapshot_evaluation` (n_times,) and `snapshot_rows` (n_snapshot,)
    folder : folder of the PNG files
    result : Reconstruction
    stimulus_id : n names
    attributes : attributes of the HDF5 file
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, image in zip(stimulus_id, result.images, strict=True):
        with replacing(Path(folder) / f"{name}.png") as temporary:
            Image.fromarray(image).save(temporary)
    with writing(path) as file:
        file["image"], file["raw"], file["loss"] = result.images, result.raw, result.loss
        file["layer_loss"] = np.stack(list(result.layer_loss.values()))
        text = h5py.string_dtype()
        file.create_dataset("layer", data=list(result.layer_loss), dtype=text)
        file.create_dataset("stimulus_id", data=list(stimulus_id), dtype=text)
        file["start"] = result.start
        file["snapshots"] = result.snapshots
        file["snapshot_evaluation"] = result.snapshot_evaluation
        file["snapshot_rows"] = result.snapshot_rows
        file.attrs.update(attributes)


def read_images(path: str | os.PathLike[str], stimulus_id: Sequence[str]) -> NDArray[np.uint8]:
    """Read the displayed images of a reconstruction file, in the order of `stimulus_id`.

    Raises
    ------
    InputError
        If a stimulus was not reconstructed.
    """
    with reading(path, "reconstructions") as file:
        row = {name: i for i, name in enumerate(strings(file["stimulus_id"]))}
        images: NDArray[np.uint8] = file["image"][:]
    missing = [name for name in stimulus_id if name not in row]
    if missing:
        raise InputError(f"{path}: no reconstruction of stimulus {missing[0]!r}")
    return images[[row[name] for name in stimulus_id]]


def read_stimulus_id(path: str | os.PathLike[str]) -> list[str]:
    """Read the stimulus ids of a reconstruction file."""
    with reading(path, "reconstructions") as file:
        return strings(file["stimulus_id"])


@dataclass(frozen=True)
class History:
    """History of a search.

    Attributes
    ----------
    loss : (n_evaluations, n)
    layer_loss : layer -> (n,) relative squared distance of the final images
    snapshots : (n_times, n_snapshot, H, W, 3) uint8, as displayed
    snapshot_evaluation : (n_times,) number of evaluations before each snapshot
    snapshot_id : the n_snapshot stimuli shown in the snapshots
    """

    loss: NDArray[np.float32]
    layer_loss: dict[str, NDArray[np.float32]]
    snapshots: NDArray[np.uint8]
    snapshot_evaluation: NDArray[np.int64]
    snapshot_id: list[str]


def read_history(path: str | os.PathLike[str]) -> History:
    """Read the history of the search from a reconstruction file."""
    with reading(path, "reconstructions") as file:
        names = strings(file["stimulus_id"])
        return History(
            loss=file["loss"][:],
            layer_loss=dict(zip(strings(file["layer"]), file["layer_loss"][:], strict=True)),
            snapshots=file["snapshots"][:],
            snapshot_evaluation=file["snapshot_evaluation"][:],
            snapshot_id=[names[row] for row in file["snapshot_rows"][:]],
        )

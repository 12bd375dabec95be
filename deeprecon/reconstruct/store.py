"""Files of reconstructions: arrays with the loss history, and one picture for each image."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deeprecon.atomic import replacing
from deeprecon.errors import InputError
from deeprecon.hdf5 import reading, strings, writing

if TYPE_CHECKING:
    from deeprecon.reconstruct.invert import Reconstruction


def digest(*parts: Any) -> str:
    """Digest of texts, and of arrays in mappings: what a search depends on."""
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
    result: "Reconstruction",
    stimulus_id: Sequence[str],
    attributes: Mapping[str, str | int],
) -> None:
    """Write `{folder}/{stimulus_id}.png` as shown, then the HDF5 file.

    Parameters
    ----------
    path : HDF5 file with the datasets `stimulus_id`, `image` and `raw` (n, H, W, 3), `loss`
        (n_evaluations, n), `layer_loss` (n_layers, n) and `layer`, `start` (n,), `strip` (n_times,
        n_strip, H, W, 3), `strip_evaluation` (n_times,) and `strip_rows` (n_strip,)
    folder : of the pictures
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
        file["strip"], file["strip_evaluation"] = result.strip, result.strip_evaluation
        file["strip_rows"] = result.strip_rows
        file.attrs.update(attributes)


def read_images(path: str | os.PathLike[str], stimulus_id: Sequence[str]) -> NDArray[np.uint8]:
    """The images of a reconstruction file as shown, in the order of `stimulus_id`.

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
    """Stimuli of a reconstruction file."""
    with reading(path, "reconstructions") as file:
        return strings(file["stimulus_id"])


@dataclass(frozen=True)
class Course:
    """How a search went.

    Attributes
    ----------
    loss : (n_evaluations, n)
    layer_loss : layer -> (n,) relative squared distance at the end
    strip : (n_times, n_strip, H, W, 3) uint8, as shown
    strip_evaluation : (n_times,)
    strip_id : stimuli of the strip
    """

    loss: NDArray[np.float32]
    layer_loss: dict[str, NDArray[np.float32]]
    strip: NDArray[np.uint8]
    strip_evaluation: NDArray[np.int64]
    strip_id: list[str]


def read_course(path: str | os.PathLike[str]) -> Course:
    """How the search of a reconstruction file went."""
    with reading(path, "reconstructions") as file:
        names = strings(file["stimulus_id"])
        return Course(
            loss=file["loss"][:],
            layer_loss=dict(zip(strings(file["layer"]), file["layer_loss"][:], strict=True)),
            strip=file["strip"][:],
            strip_evaluation=file["strip_evaluation"][:],
            strip_id=[names[row] for row in file["strip_rows"][:]],
        )

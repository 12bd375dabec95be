"""A user's program as prior, such as a diffusion model: it reads features and writes images.

The program runs once for each stimulus set. Its command line may contain

{features} : folder with a file `<layer>.h5` for each layer, in the layout of `features.store`:
    `features` (n, *unit_shape), already scaled, and `stimulus_id`
{images} : folder into which it writes `<stimulus_id>.png`, RGB, of the study's size
{seed} : the seed
{size} : side of the images, pixels
"""

import logging
import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from deeprecon.errors import InputError
from deeprecon.features.networks import Network
from deeprecon.features.statistics import LayerStatistics
from deeprecon.features.store import write_features
from deeprecon.reconstruct.objective import FeatureLoss
from deeprecon.reconstruct.result import Array, Reconstruction
from deeprecon.reconstruct.scaling import scaled
from deeprecon.reconstruct.settings import SearchSettings

logger = logging.getLogger(__name__)


def reconstruct_by_command(
    targets: Mapping[str, Array],
    network: Network,
    size: int,
    statistics: Mapping[str, LayerStatistics],
    settings: SearchSettings,
    *,
    stimulus_id: Sequence[str],
    decoded: bool = True,
    seed: int = 0,
) -> Reconstruction:
    """Reconstruct images with a user's program.

    Parameters
    ----------
    targets, network, size, statistics, decoded, seed : see `invert.reconstruct`
    settings : SearchSettings with a `command`
    stimulus_id : n names of the images that the program writes

    Returns
    -------
    Reconstruction
        The loss is `losses.relative` of the finished images; there are no snapshots.

    Raises
    ------
    InputError
        If the program fails, or if an image is missing or has the wrong size.
    """
    if decoded:
        targets = {
            layer: scaled(settings.scaling, layer, y, statistics[layer])
            for layer, y in targets.items()
        }
    with tempfile.TemporaryDirectory() as folder:
        features, written = Path(folder, "features"), Path(folder, "images")
        features.mkdir()
        written.mkdir()
        for layer, y in targets.items():
            write_features(features / f"{layer}.h5", y, stimulus_id, {"layer": layer})
        _run(settings.command, features=features, images=written, seed=seed, size=size)
        images = np.stack([_read_image(written / f"{name}.png", size) for name in stimulus_id])
    loss = _distance(targets, network, statistics, images)
    nothing = np.zeros((0, 0, size, size, 3), np.uint8)
    return Reconstruction(
        images=images,
        raw=images.astype(np.float32),
        loss=np.mean(list(loss.values()), axis=0, keepdims=True),
        layer_loss=loss,
        start=np.zeros(len(images), np.int64),
        snapshots=nothing,
        snapshot_evaluation=np.zeros(0, np.int64),
        snapshot_rows=np.zeros(0, np.int64),
    )


def _run(command: str, **values: object) -> None:
    """Run the program and log what it prints."""
    try:
        words = [word.format(**values) for word in shlex.split(command)]
    except (KeyError, IndexError, ValueError) as error:
        known = ", ".join(f"{{{name}}}" for name in values)
        raise InputError(f"command {command!r}: {error!r}; it may contain {known}") from None
    logger.info("running %s", shlex.join(words))
    try:
        done = subprocess.run(words, text=True, capture_output=True, check=False)
    except OSError as error:
        raise InputError(f"command {words[0]!r}: {error.strerror}") from None
    lines = (done.stdout + done.stderr).splitlines()
    for line in lines:
        logger.info("  %s", line)
    if done.returncode:
        last = lines[-1] if lines else "it printed nothing"
        raise InputError(f"command {words[0]!r} ended with exit code {done.returncode}: {last}")


def _read_image(path: Path, size: int) -> NDArray[np.uint8]:
    """Read an image that the program wrote, (size, size, 3)."""
    try:
        with Image.open(path) as image:
            found = np.asarray(image.convert("RGB"))
    except FileNotFoundError:
        raise InputError(f"the command wrote no {path.name} into {{images}}") from None
    except (UnidentifiedImageError, OSError) as error:
        raise InputError(f"the command's {path.name} is not a readable image ({error})") from None
    if found.shape != (size, size, 3):
        shape = f"{found.shape[1]} x {found.shape[0]}"
        raise InputError(f"the command's {path.name} has {shape} pixels, expected {size} x {size}")
    return found


def _distance(
    targets: Mapping[str, Array],
    network: Network,
    statistics: Mapping[str, LayerStatistics],
    images: NDArray[np.uint8],
) -> dict[str, Array]:
    """Layer -> relative squared distance (n,) between the images' features and the targets."""
    tensors = {layer: torch.as_tensor(y) for layer, y in targets.items()}
    centres = {layer: torch.as_tensor(statistics[layer].mean) for layer in targets}
    with torch.no_grad():
        pixels = torch.as_tensor(images).permute(0, 3, 1, 2).float()
        found = FeatureLoss(network, tensors, centres).of_layers(pixels)
    return {layer: value.numpy() for layer, value in found.items()}

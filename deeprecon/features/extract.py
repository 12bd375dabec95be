"""Compute the features of images in the layers of a network."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack

import numpy as np
import torch
from numpy.typing import NDArray

from deeprecon.features.networks import Network
from deeprecon.features.store import Attributes, new_features

BATCH_SIZE = 32

Layers = dict[str, NDArray[np.float32]]


def batches(
    network: Network,
    images: NDArray[np.uint8],
    layers: Sequence[str],
    batch_size: int = BATCH_SIZE,
    device: str | torch.device | None = None,
) -> Iterator[tuple[slice, Layers]]:
    """Batches of features: rows of the batch, and layer -> (n_batch, *unit_shape).

    Parameters
    ----------
    network : Network
    images : (n, height, width, 3) uint8 RGB
    layers : names of layers
    batch_size : images per forward pass
    device : by default the GPU, if there is one
    """
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    network = network.to(device)
    for start in range(0, len(images), batch_size):
        rows = slice(start, min(start + batch_size, len(images)))
        batch = torch.as_tensor(images[rows], device=device)
        with torch.no_grad():
            found = network.features(batch.permute(0, 3, 1, 2).float(), layers)
        yield rows, {layer: values.cpu().numpy() for layer, values in found.items()}


def extract(
    network: Network,
    images: NDArray[np.uint8],
    layers: Sequence[str],
    batch_size: int = BATCH_SIZE,
    device: str | torch.device | None = None,
) -> Layers:
    """Features of all images, layer -> (n, *unit_shape); parameters as for `batches`."""
    parts = [part for _, part in batches(network, images, layers, batch_size, device)]
    return {layer: np.concatenate([part[layer] for part in parts]) for layer in layers}


def extract_to_files(
    network: Network,
    images: NDArray[np.uint8],
    paths: Mapping[str, str | os.PathLike[str]],
    stimulus_id: Sequence[str],
    attributes: Attributes,
    batch_size: int = BATCH_SIZE,
    device: str | torch.device | None = None,
) -> None:
    """Write the features of every layer batch by batch; either all files appear or none.

    Parameters
    ----------
    paths : layer -> HDF5 file
    stimulus_id : n strings
    attributes : attributes of the files
    network, images, batch_size, device : see `batches`
    """
    with ExitStack() as stack:
        files = {}
        for rows, part in batches(network, images, list(paths), batch_size, device):
            for layer, values in part.items():
                if layer not in files:
                    new = new_features(paths[layer], values.shape[1:], stimulus_id, attributes)
                    files[layer] = stack.enter_context(new)
                files[layer][rows] = values

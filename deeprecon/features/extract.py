"""Features of images in the layers of a network."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from deeprecon.features.networks import Network


def extract(
    network: Network,
    images: NDArray[np.uint8],
    layers: Sequence[str],
    batch_size: int = 32,
    device: str | torch.device | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Unit values of every layer for every image.

    Parameters
    ----------
    network : Network
    images : (n, height, width, 3) uint8 RGB
    layers : names of layers
    batch_size : images a pass
    device : by default the GPU if there is one

    Returns
    -------
    dict of (n, *unit_shape) float32 arrays
    """
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    network = network.to(device)
    parts: dict[str, list[NDArray[np.float32]]] = {layer: [] for layer in layers}
    for start in range(0, len(images), batch_size):
        batch = torch.as_tensor(images[start : start + batch_size], device=device)
        with torch.no_grad():
            found = network.features(batch.permute(0, 3, 1, 2).float(), layers)
        for layer, values in found.items():
            parts[layer].append(values.cpu().numpy())
    return {layer: np.concatenate(arrays) for layer, arrays in parts.items()}

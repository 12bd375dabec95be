"""Join batches of images, and choose the best random start for each image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deeprecon.reconstruct.result import Reconstruction, displayed


@dataclass(frozen=True)
class Part:
    """Results for some images and one random start; all tensors are on the CPU.

    Attributes
    ----------
    raw : (n, size, size, 3)
    final : (n,) loss of the final images, without the penalty on total variation
    layers : (n, n_layers) relative distance of the final images in each layer
    names : names of the layers
    loss : (n, n_evaluations)
    snapshots : (n_snapshot, n_times, size, size, 3); empty if these images include none of the
        sampled ones
    evaluation : (n_times,) number of evaluations before each snapshot
    """

    raw: Tensor
    final: Tensor
    layers: Tensor
    names: list[str]
    loss: Tensor
    snapshots: Tensor
    evaluation: Tensor


def joined(parts: Sequence[Part]) -> Part:
    """Join all images of one start; histories that ended earlier repeat their last value."""
    longest = max(part.loss.shape[1] for part in parts)
    times = _times(parts)
    snapshots = [_snapshots_at(part, times) for part in parts if part.snapshots.numel()]
    return Part(
        raw=torch.cat([part.raw for part in parts]),
        final=torch.cat([part.final for part in parts]),
        layers=torch.cat([part.layers for part in parts]),
        names=parts[0].names,
        loss=torch.cat([_lengthened(part.loss, longest) for part in parts]),
        snapshots=torch.cat(snapshots),
        evaluation=torch.tensor(times),
    )


def best_of_starts(
    starts: Sequence[Part], display: str, snapshot_rows: NDArray[np.int64]
) -> Reconstruction:
    """Choose for each image the start whose features are nearest to the targets."""
    best = np.argmin([start.final.numpy() for start in starts], axis=0)
    longest = max(start.loss.shape[1] for start in starts)
    times = _times(starts)

    def pick(tensors: list[Tensor]) -> Any:
        arrays = [tensor.numpy() for tensor in tensors]
        return np.stack([arrays[k][i] for i, k in enumerate(best)])

    raw = pick([start.raw for start in starts])
    layers = pick([start.layers for start in starts])
    loss = pick([_lengthened(start.loss, longest) for start in starts])
    snapshots = [_snapshots_at(start, times).numpy() for start in starts]
    chosen = np.stack([snapshots[best[row]][i] for i, row in enumerate(snapshot_rows)], axis=1)
    return Reconstruction(
        images=displayed(raw, display),
        raw=raw,
        loss=loss.T,
        layer_loss={name: layers[:, i] for i, name in enumerate(starts[0].names)},
        start=best,
        snapshots=np.stack([displayed(images, display) for images in chosen]),
        snapshot_evaluation=np.array(times),
        snapshot_rows=snapshot_rows,
    )


def _times(parts: Sequence[Part]) -> list[int]:
    """Numbers of evaluations after which any part has a snapshot, ascending."""
    return sorted({int(t) for part in parts for t in part.evaluation})


def _lengthened(values: Tensor, length: int) -> Tensor:
    """Extend to (n, length) by repeating the last column."""
    missing = length - values.shape[1]
    return torch.cat([values, values[:, -1:].expand(-1, missing)], dim=1)


def _snapshots_at(part: Part, times: list[int]) -> Tensor:
    """Snapshots (n_snapshot, n_times, ...): for each time, the latest one until then."""
    index = [max(int((part.evaluation <= t).sum()) - 1, 0) for t in times]
    return part.snapshots[:, index]

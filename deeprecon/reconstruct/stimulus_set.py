"""Reconstruct the images of one stimulus set with a method's settings."""

import os
from collections.abc import Mapping, Sequence

from deeprecon.features.networks import Network
from deeprecon.features.statistics import LayerStatistics
from deeprecon.reconstruct.compute import Compute
from deeprecon.reconstruct.invert import reconstruct
from deeprecon.reconstruct.observers import Checkpoint
from deeprecon.reconstruct.result import Array, Reconstruction, no_images
from deeprecon.reconstruct.settings import SearchSettings


def reconstruct_set(
    targets: Mapping[str, Array],
    network: Network,
    size: int,
    statistics: Mapping[str, LayerStatistics],
    settings: SearchSettings,
    *,
    stimulus_id: Sequence[str],
    weights: str | os.PathLike[str] | None,
    layer_weights: Mapping[str, float] | None,
    decoded: bool,
    may_be_empty: bool,
    seed: int,
    compute: Compute,
    checkpoint: Checkpoint,
) -> Reconstruction:
    """Reconstruct the images of a stimulus set by a search or by a user's program.

    Parameters
    ----------
    stimulus_id : n names
    may_be_empty : whether the set may have no images, such as halves of the repetitions of images
        shown once
    targets, network, size, statistics, settings, weights, layer_weights, decoded, seed, compute,
        checkpoint : see `invert.reconstruct`

    Raises
    ------
    InputError
        If the set has no images and may not be empty, or see `invert.reconstruct` and
        `command.reconstruct_by_command`.
    """
    if may_be_empty and not stimulus_id:
        return no_images(list(targets), size)
    if not settings.prior_choice.searches:
        by_program = settings.prior_choice.load()
        found: Reconstruction = by_program(
            targets, network, size, statistics, settings,
            stimulus_id=stimulus_id, decoded=decoded, seed=seed,
        )  # fmt: skip
        return found
    return reconstruct(
        targets, network, size, statistics, settings,
        weights=weights, layer_weights=layer_weights, decoded=decoded, seed=seed, compute=compute,
        checkpoint=checkpoint,
    )  # fmt: skip

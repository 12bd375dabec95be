"""Reconstruct images from features: search for images whose features match the targets."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deeprecon.errors import InputError
from deeprecon.features.networks import Network
from deeprecon.features.statistics import LayerStatistics
from deeprecon.reconstruct.compute import Compute, device_of, in_batches, reproducible
from deeprecon.reconstruct.observers import (
    Checkpoint,
    LossHistory,
    Observer,
    Progress,
    Saver,
    Snapshots,
)
from deeprecon.reconstruct.optimise import Optimiser
from deeprecon.reconstruct.parts import Part, best_of_starts, joined
from deeprecon.reconstruct.presets import PRESETS
from deeprecon.reconstruct.priors import Prior, make_prior
from deeprecon.reconstruct.problem import Problem, as_rows
from deeprecon.reconstruct.result import Array, Reconstruction
from deeprecon.reconstruct.settings import SearchSettings

logger = logging.getLogger(__name__)

DEFAULT_COMPUTE = Compute()
N_SNAPSHOT = 6  # number of images whose snapshots are kept


def reconstruct(
    targets: Mapping[str, Array],
    network: Network,
    size: int,
    statistics: Mapping[str, LayerStatistics],
    preset: str | SearchSettings = "deeprecon",
    *,
    prior: Prior | None = None,
    weights: str | os.PathLike[str] | None = None,
    layer_weights: Mapping[str, float] | None = None,
    decoded: bool = True,
    seed: int = 0,
    compute: Compute = DEFAULT_COMPUTE,
    checkpoint: Checkpoint | None = None,
) -> Reconstruction:
    """Find images whose features match the targets.

    Parameters
    ----------
    targets : layer -> (n, *unit_shape) float array
    network : Network
    size : side of the images, pixels
    statistics : layer -> LayerStatistics of the training images
    preset : name in `presets.PRESETS`, or SearchSettings
    prior : parametrisation of the images; by default the prior in the settings
    weights : file of `generator_files.save_generator`, if the prior is a generator
    layer_weights : layer -> weight, such as the squared cross-validated decoding accuracy, if
        the layer_weights of the settings are "accuracy"; by default equal
    decoded : whether the targets are decoded features, to be scaled as the settings say; true
        features are not scaled
    seed : seed of random starts and jitter
    compute : device, precision and batch size
    checkpoint : where to save the state, for resuming an interrupted search

    Returns
    -------
    Reconstruction

    Raises
    ------
    InputError
        If a layer is unknown, has the wrong shape or has values that are not finite.
    """
    settings = PRESETS[preset] if isinstance(preset, str) else preset
    n = _check(targets, network, statistics)
    network = _prepared(network, compute)
    prior = prior or make_prior(settings, network, size, weights)
    if isinstance(prior, torch.nn.Module):
        prior = prior.to(device_of(compute.device))
    problem = Problem(
        targets, network, prior, statistics, settings,
        "norm" if settings.layer_weights == "norm" else layer_weights, decoded, seed, compute,
    )  # fmt: skip
    with reproducible(compute.precision):
        return _search(problem, n, checkpoint)


def minimise(
    optimiser: Optimiser, objective: Callable[[Tensor], Tensor], observers: Sequence[Observer]
) -> None:
    """Step an optimiser until it has finished, and notify observers after each step.

    Parameters
    ----------
    optimiser : over parameters (n, d), one row for each image
    objective : parameters (n, d) -> losses (n,)
    observers : notified in this order
    """
    while not optimiser.finished:
        losses = optimiser.step(objective)
        for observer in observers:
            observer.after_step(optimiser, losses)


def _search(problem: Problem, n: int, checkpoint: Checkpoint | None) -> Reconstruction:
    """Search for all n images in batches, from each random start."""
    sampled = _snapshot_rows(n)

    def from_start(start: int) -> Part:
        def batch(rows: slice) -> Part:
            return _reconstruct_batch(problem, start, rows, sampled, checkpoint)

        return joined(in_batches(batch, n, problem.compute.batch_size))

    starts = [from_start(start) for start in range(problem.settings.n_starts)]
    return best_of_starts(starts, problem.settings.display, sampled)


def _reconstruct_batch(
    problem: Problem,
    start: int,
    rows: slice,
    sampled: NDArray[np.int64],
    checkpoint: Checkpoint | None,
) -> Part:
    """Search for a batch of images from one random start."""
    name = f"start{start}_images{rows.start}-{rows.stop}"
    saved = checkpoint.read(name) if checkpoint else None
    if saved is not None and "raw" in saved:
        logger.info("%s: done before", name)
        return Part(**saved)

    loss, relative = problem.losses(rows)
    optimiser = problem.optimiser(start, rows)
    inside = [row - rows.start for row in sampled if rows.start <= row < rows.stop]
    history, snapshots = LossHistory(), Snapshots(problem.images, inside)
    what = f"images {rows.start + 1}-{rows.stop}" + (f", start {start + 1}" if start else "")
    if saved is not None:
        _resume(optimiser, history, snapshots, saved, problem.device)
        logger.info("%s: resuming after iteration %d", what, optimiser.iteration)
    observers: list[Observer] = [history, snapshots]
    observers.append(Progress(what, optimiser.n_iterations, optimiser.iteration))
    if checkpoint:
        observers.append(Saver(checkpoint, name, history, snapshots))

    minimise(optimiser, problem.objective(loss), observers)

    snapshots.take(optimiser)
    with torch.no_grad():
        images = problem.prior(optimiser.best.float())
        layers = relative.of_layers(images)
        part = Part(
            raw=as_rows(images),
            final=loss(images).cpu(),
            layers=torch.stack([value.cpu() for value in layers.values()]).T,
            names=list(layers),
            loss=torch.stack(history.values).T,
            snapshots=torch.stack(snapshots.taken, dim=1),
            evaluation=torch.tensor(snapshots.evaluation),
        )
    if checkpoint:
        checkpoint.write(name, vars(part))
    return part


def _resume(
    optimiser: Optimiser,
    history: LossHistory,
    snapshots: Snapshots,
    saved: dict[str, Any],
    device: torch.device,
) -> None:
    """Resume an interrupted search from a state written by `observers.Saver`."""
    optimiser.load_state_dict(_moved(saved["optimiser"], device))
    history.values = saved["losses"]
    snapshots.taken, snapshots.evaluation = saved["taken"], saved["evaluation"]
    snapshots.n_evaluations = len(saved["losses"])


def _moved(state: Any, device: torch.device) -> Any:
    """The state of an optimiser with its tensors moved to a device."""
    if isinstance(state, Tensor):
        return state.to(device)
    if isinstance(state, dict):
        return {key: _moved(value, device) for key, value in state.items()}
    return state


def _prepared(network: Network, compute: Compute) -> Network:
    """Move the network to its device, in a memory layout with fast convolutions."""
    network = network.to(memory_format=torch.channels_last).to(device_of(compute.device))
    if compute.compile:
        network.compile_features()
    return network


def _snapshot_rows(n: int) -> NDArray[np.int64]:
    """Rows of the images whose snapshots are kept: the same sample for all methods."""
    return np.sort(np.random.default_rng(0).choice(n, min(n, N_SNAPSHOT), replace=False))


def _check(
    targets: Mapping[str, Array], network: Network, statistics: Mapping[str, LayerStatistics]
) -> int:
    """Check that the targets fit the network and the statistics; return the number of images."""
    if not targets:
        raise InputError("no target layers")
    sizes = {layer: len(features) for layer, features in targets.items()}
    if len(set(sizes.values())) > 1:
        raise InputError(f"layers have features of different numbers of images: {sizes}")
    for layer, y in targets.items():
        if layer not in network.layers:
            raise InputError(f"unknown layer {layer!r}; the network has {network.layers}")
        if layer not in statistics:
            raise InputError(f"layer {layer}: no statistics, found {', '.join(statistics)}")
        if y.shape[1:] != (expected := statistics[layer].mean.shape):
            raise InputError(
                f"layer {layer}: targets have unit shape {y.shape[1:]}, its statistics {expected}"
            )
    n = next(iter(sizes.values()))
    if n == 0:
        raise InputError("the set has no images")
    return n

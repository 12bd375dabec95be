"""Reconstruct images from features: prior, objective and optimiser put together."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deeprecon.errors import InputError
from deeprecon.features.networks import Network
from deeprecon.features.statistics import LayerStatistics
from deeprecon.reconstruct.compute import Compute, device_of, in_batches, reproducible
from deeprecon.reconstruct.image_descent import ImageDescent, Smoothing
from deeprecon.reconstruct.lbfgsb import LBFGSB
from deeprecon.reconstruct.losses import FROM_THE_MEAN, total_variation
from deeprecon.reconstruct.objective import FeatureLoss, refuse_means
from deeprecon.reconstruct.optimise import AdamW, LatentDescent, Optimiser
from deeprecon.reconstruct.presets import PRESETS, Settings
from deeprecon.reconstruct.priors import FourierPrior, PixelPrior, Prior
from deeprecon.reconstruct.progress import Checkpoint, Progress
from deeprecon.reconstruct.scaling import scaled

logger = logging.getLogger(__name__)

Array = NDArray[np.float32]
Parts = dict[str, Any]

ON_BEST = Compute()
N_STRIP = 6  # images of which is kept how they emerged


@dataclass(frozen=True)
class Reconstruction:
    """Reconstructed images and how the optimisation went.

    Attributes
    ----------
    images : (n, size, size, 3) uint8, as shown
    raw : (n, size, size, 3) float32, RGB, about 0-255, before clipping and rounding
    loss : (n_evaluations, n) float32, of the start that was chosen
    layer_loss : layer -> (n,) `losses.relative` of the images, whatever the loss of the search
    start : (n,) which of the random starts was chosen
    strip : (n_times, n_strip, size, size, 3) uint8, as shown: how some of the images emerged
    strip_evaluation : (n_times,) after how many evaluations
    strip_rows : (n_strip,) which images, a fixed sample
    """

    images: NDArray[np.uint8]
    raw: Array
    loss: Array
    layer_loss: dict[str, Array]
    start: NDArray[np.int64]
    strip: NDArray[np.uint8]
    strip_evaluation: NDArray[np.int64]
    strip_rows: NDArray[np.int64]


def no_images(layers: Sequence[str], size: int) -> Reconstruction:
    """The reconstruction of no image: of half of a set whose images were shown once.

    Examples
    --------
    >>> no_images(["conv"], 32).images.shape
    (0, 32, 32, 3)
    """
    blank, none = np.zeros((0, size, size, 3), np.uint8), np.zeros(0, np.int64)
    return Reconstruction(
        images=blank,
        raw=blank.astype(np.float32),
        loss=np.zeros((1, 0), np.float32),
        layer_loss={layer: np.zeros(0, np.float32) for layer in layers},
        start=none,
        strip=blank[None],
        strip_evaluation=np.zeros(1, np.int64),
        strip_rows=none,
    )


def shown(raw: Array, display: str) -> NDArray[np.uint8]:
    """Images (n, size, size, 3) as they are shown.

    Parameters
    ----------
    raw : (n, size, size, 3)
    display : clip: to 0-255; percentile: each image clipped to its 2nd and 98th percentile, which
        become 0 and 255, as the pictures of Shen et al. 2019; an image without contrast is clipped
    """
    clipped = np.clip(np.rint(raw), 0, 255).astype(np.uint8)
    if display == "clip":
        return clipped
    low, high = np.percentile(raw, [2, 98], axis=(1, 2, 3), keepdims=True)
    span = np.where(high > low, high - low, 1)
    stretched = (np.clip(raw, low, high) - low) * (255 / span)
    return np.where(high > low, stretched.astype(np.uint8), clipped)


def reconstruct(
    targets: Mapping[str, Array],
    network: Network,
    size: int,
    statistics: Mapping[str, LayerStatistics],
    preset: str | Settings = "deeprecon",
    *,
    prior: Prior | None = None,
    layer_weights: Mapping[str, float] | None = None,
    decoded: bool = True,
    seed: int = 0,
    compute: Compute = ON_BEST,
    checkpoint: Checkpoint | None = None,
) -> Reconstruction:
    """Find images whose features match the targets.

    Parameters
    ----------
    targets : layer -> (n, *unit_shape) float array
    network : Network
    size : side of the images, pixels
    statistics : layer -> LayerStatistics of the training images
    preset : name in `presets.PRESETS`, or Settings
    prior : where images are searched; needed for a generator, otherwise as the settings name it
    layer_weights : layer -> how much it counts, for settings whose layer_weights are "accuracy",
        such as the squared cross-validated decoding accuracies; by default all the same
    decoded : whether targets are decoded and are to be scaled as the settings say; true features
        are matched as they are
    seed : of random starts and jitter
    compute : device, precision and size of batches
    checkpoint : where to keep what is done, to go on from there

    Returns
    -------
    Reconstruction

    Raises
    ------
    InputError
        If a layer is unknown, has the wrong shape or values that are not finite.
    """
    settings = PRESETS[preset] if isinstance(preset, str) else preset
    n = _check(targets, network, statistics)
    search = _Search(
        targets, network, size, statistics, settings, layer_weights, decoded, seed, compute,
        prior, checkpoint,
    )  # fmt: skip
    with reproducible(compute.precision):
        starts = [
            _joined(in_batches(lambda rows, k=k: search.part(k, rows), n, compute.batch_size))  # type: ignore[misc]
            for k in range(settings.n_starts)
        ]
    return _chosen(starts, settings.display, _strip_rows(n))


def _check(
    targets: Mapping[str, Array], network: Network, statistics: Mapping[str, LayerStatistics]
) -> int:
    """Number of images, after refusing targets that do not belong to the network."""
    if not targets:
        raise InputError("no target layers")
    sizes = {layer: len(features) for layer, features in targets.items()}
    if len(set(sizes.values())) > 1:
        raise InputError(f"layers have features of different numbers of images: {sizes}")
    for layer, y in targets.items():
        if layer not in network.layers:
            raise InputError(f"unknown layer {layer!r}; the network has {network.layers}")
        if layer not in statistics:
            raise InputError(f"layer {layer}: no statistics of it, found {', '.join(statistics)}")
        if y.shape[1:] != (expected := statistics[layer].mean.shape):
            raise InputError(
                f"layer {layer}: targets have unit shape {y.shape[1:]}, its statistics {expected}"
            )
    n = next(iter(sizes.values()))
    if n == 0:
        raise InputError("the set has no images")
    return n


def _strip_rows(n: int) -> NDArray[np.int64]:
    """Images of which is kept how they emerge: a sample, of all methods the same."""
    return np.sort(np.random.default_rng(0).choice(n, min(n, N_STRIP), replace=False))


def prior_of(settings: Settings, network: Network, size: int) -> Prior:
    """The prior that settings name, if it needs no weights."""
    if settings.prior == "pixel":
        return PixelPrior(size, network.mean_image, settings.start)
    if settings.prior == "fourier":
        return FourierPrior(size, settings.spectral_decay, float(settings.start))
    if settings.prior == "deep_image":
        from deeprecon.reconstruct.deep_image_prior import DeepImagePrior

        return DeepImagePrior(size)
    raise InputError(f"prior {settings.prior!r} is not made from settings alone: give it")


def optimiser_of(settings: Settings, prior: Prior, start: Tensor, seed: int) -> Optimiser:
    """The optimiser that settings name, at a start (n, d)."""
    n, rate, bounds = settings.n_iterations, settings.learning_rate, (prior.lower, prior.upper)
    if settings.optimiser == "latent_descent":
        return LatentDescent(start, n, rate, settings.momentum, settings.decay, *bounds)
    if settings.optimiser == "image_descent":
        smoothing = Smoothing.of(settings)
        return ImageDescent(start, n, rate, settings.momentum, settings.decay, smoothing, seed)
    if settings.optimiser == "adamw":
        return AdamW(start, n, rate[0], settings.decay[0], *bounds)
    exact = start if start.device.type == "mps" else start.double()  # which has no float64
    return LBFGSB(exact, *bounds, n_iterations=n)


class _Search:
    """What all batches and starts of a reconstruction have in common."""

    def __init__(
        self,
        targets: Mapping[str, Array],
        network: Network,
        size: int,
        statistics: Mapping[str, LayerStatistics],
        settings: Settings,
        layer_weights: Mapping[str, float] | None,
        decoded: bool,
        seed: int,
        compute: Compute,
        prior: Prior | None,
        checkpoint: Checkpoint | None,
    ) -> None:
        self.targets, self.statistics, self.settings = targets, statistics, settings
        self.decoded, self.seed, self.checkpoint = decoded, seed, checkpoint
        self.compute, self.device = compute, device_of(compute.device)
        self.network = network.to(memory_format=torch.channels_last).to(self.device)
        if compute.compile:
            self.network.compile_features()
        prior = prior or prior_of(settings, network, size)
        self.prior: Any = prior.to(self.device) if isinstance(prior, torch.nn.Module) else prior
        self.weights = "norm" if settings.layer_weights == "norm" else layer_weights
        self.centres = {
            layer: torch.as_tensor(statistics[layer].mean, device=self.device) for layer in targets
        }
        n = len(next(iter(targets.values())))
        self.strip_rows = _strip_rows(n)

    def part(self, start: int, rows: slice) -> Parts:
        """Search for some of the images from one of the starts."""
        name = f"start{start}_images{rows.start}-{rows.stop}"
        kept = self.checkpoint.read(name) if self.checkpoint else None
        if kept is not None and "raw" in kept:
            logger.info("%s: done before", name)
            return dict(kept)
        losses = [self._losses(rows, loss) for loss in (self.settings.loss, "relative")]
        optimiser = optimiser_of(
            self.settings, self.prior, self._start(start, rows), self.seed + start
        )
        what = f"images {rows.start + 1}-{rows.stop}" + (f", start {start + 1}" if start else "")
        history = self._run(optimiser, losses[0], rows, name, what, kept)
        result = self._result(optimiser, *losses) | history
        if self.checkpoint:
            self.checkpoint.write(name, result)
        return result

    def _losses(self, rows: slice, loss: str) -> FeatureLoss:
        """A distance to the targets of some images."""
        batch = {
            layer: scaled(self.settings.scaling, layer, y[rows], self.statistics[layer])
            if self.decoded
            else y[rows]
            for layer, y in self.targets.items()
        }
        tensors = {layer: _channels_last(y, self.device) for layer, y in batch.items()}
        distance = FeatureLoss(self.network, tensors, self.centres, loss, self.weights)
        if self.settings.loss in FROM_THE_MEAN:
            refuse_means(tensors, self.centres)
        return distance

    def _start(self, start: int, rows: slice) -> Tensor:
        """Where the search for some images begins, (n, d); of each image by itself."""
        generators = [
            torch.Generator().manual_seed(_seed(self.seed, start, row))
            for row in range(rows.start, rows.stop)
        ]
        return torch.cat([self.prior.start(1, one).cpu() for one in generators]).to(self.device)

    def _objective(self, feature_loss: FeatureLoss) -> Callable[[Tensor], Tensor]:
        """Parameters (n, d) -> losses (n,)."""
        weight = self.settings.total_variation

        def objective(parameters: Tensor) -> Tensor:
            images = self.prior(parameters.float())
            with self._precision():
                loss = feature_loss(images.contiguous(memory_format=torch.channels_last))
            return loss + weight * total_variation(images / 255) if weight else loss

        return objective

    def _precision(self) -> Any:
        """The context in which the network runs."""
        if self.compute.precision == "bfloat16":
            return torch.autocast(self.device.type, torch.bfloat16)
        return nullcontext()

    def _run(
        self,
        optimiser: Optimiser,
        feature_loss: FeatureLoss,
        rows: slice,
        name: str,
        what: str,
        kept: Parts | None,
    ) -> Parts:
        """Step to the end, with progress, pictures on the way and checkpoints."""
        history = {"loss": [], "strip": [], "strip_evaluation": []} if kept is None else kept
        if kept is not None:
            optimiser.load_state_dict(_moved(kept["optimiser"], self.device))
            logger.info("%s: going on after iteration %d", what, optimiser.iteration)
        objective = self._objective(feature_loss)
        progress = Progress(what, optimiser.n_iterations, optimiser.iteration)
        while not optimiser.finished:
            loss = optimiser.step(objective)
            history["loss"].append(loss.float().cpu())
            evaluation = len(history["loss"])
            if evaluation & (evaluation - 1) == 0:  # after 1, 2, 4, 8 ... evaluations
                history["strip"].append(self._strip(optimiser, rows))
                history["strip_evaluation"].append(evaluation)
            progress.report(optimiser.iteration, loss.mean().item(), optimiser.finished)
            if self.checkpoint and self.checkpoint.due:
                self.checkpoint.write(name, {**history, "optimiser": optimiser.state_dict()})
        strip = [*history["strip"], self._strip(optimiser, rows)]
        return {
            "loss": torch.stack(history["loss"]).T,
            "strip": torch.stack(strip, dim=1),
            "strip_evaluation": torch.tensor([*history["strip_evaluation"], len(history["loss"])]),
        }

    def _strip(self, optimiser: Optimiser, rows: slice) -> Tensor:
        """What the sampled images among these are by now, (n_sampled, size, size, 3)."""
        inside = [row - rows.start for row in self.strip_rows if rows.start <= row < rows.stop]
        if not inside:
            return torch.zeros(0)
        with torch.no_grad():
            return _raw(self.prior(optimiser.best[inside].float()))

    def _result(
        self, optimiser: Optimiser, feature_loss: FeatureLoss, relative: FeatureLoss
    ) -> Parts:
        """The images, and how far from the targets they are."""
        with torch.no_grad():
            images = self.prior(optimiser.best.float())
            layers = relative.of_layers(images)
            return {
                "raw": _raw(images),
                "final": feature_loss(images).cpu(),
                "layers": torch.stack([value.cpu() for value in layers.values()]).T,
                "names": list(layers),
            }


def _seed(seed: int, start: int, row: int) -> int:
    """A seed of its own for each image and start."""
    return int(np.random.SeedSequence([seed, start, row]).generate_state(1, np.uint64)[0] >> 1)


def _channels_last(features: Array, device: torch.device) -> Tensor:
    """Features as they lie in the network, so that differences need no reordering."""
    y = torch.as_tensor(features, device=device)
    return y.contiguous(memory_format=torch.channels_last) if y.ndim == 4 else y


def _raw(images: Tensor) -> Tensor:
    """(n, 3, size, size) on any device to (n, size, size, 3) on the processor."""
    return images.permute(0, 2, 3, 1).contiguous().float().cpu()


def _moved(state: Any, device: torch.device) -> Any:
    """A state of an optimiser, its tensors moved."""
    if isinstance(state, Tensor):
        return state.to(device)
    if isinstance(state, dict):
        return {key: _moved(value, device) for key, value in state.items()}
    return state


def _joined(parts: list[Parts]) -> Parts:
    """Parts of all images of one start, as arrays; shorter histories keep their last value."""
    longest = max(part["loss"].shape[1] for part in parts)
    times = sorted({int(t) for part in parts for t in part["strip_evaluation"]})
    strips = [_strip_at(part, times) for part in parts if part["strip"].numel()]
    return {
        "raw": torch.cat([part["raw"] for part in parts]).numpy(),
        "final": torch.cat([part["final"] for part in parts]).numpy(),
        "layers": torch.cat([part["layers"] for part in parts]).numpy(),
        "names": parts[0]["names"],
        "loss": torch.cat([_lengthened(part["loss"], longest) for part in parts]).numpy(),
        "strip": torch.cat(strips).numpy(),
        "strip_evaluation": np.array(times),
    }


def _lengthened(values: Tensor, length: int) -> Tensor:
    """(n, length), the last column repeated."""
    missing = length - values.shape[1]
    return torch.cat([values, values[:, -1:].expand(-1, missing)], dim=1)


def _strip_at(part: Parts, times: list[int]) -> Tensor:
    """Pictures (n_sampled, n_times, ...) as they were at some times."""
    own = part["strip_evaluation"]
    places = [max(int((own <= t).sum()) - 1, 0) for t in times]
    return torch.as_tensor(part["strip"])[:, places]


def _chosen(starts: list[Parts], display: str, strip_rows: NDArray[np.int64]) -> Reconstruction:
    """Of each image the start whose features are nearest to the targets."""
    best = np.argmin([start["final"] for start in starts], axis=0)
    longest = max(start["loss"].shape[1] for start in starts)
    losses = [_lengthened(torch.as_tensor(start["loss"]), longest).numpy() for start in starts]

    def pick(arrays: list[Any]) -> Any:
        return np.stack([arrays[k][i] for i, k in enumerate(best)])

    raw = pick([start["raw"] for start in starts])
    layers = pick([start["layers"] for start in starts])
    times = sorted({int(t) for start in starts for t in start["strip_evaluation"]})
    strips = [_strip_at(start, times).numpy() for start in starts]
    strip = np.stack([strips[best[row]][i] for i, row in enumerate(strip_rows)], axis=1)
    return Reconstruction(
        images=shown(raw, display),
        raw=raw,
        loss=pick(losses).T,
        layer_loss={name: layers[:, i] for i, name in enumerate(starts[0]["names"])},
        start=best,
        strip=np.stack([shown(part, display) for part in strip]),
        strip_evaluation=np.array(times),
        strip_rows=strip_rows,
    )

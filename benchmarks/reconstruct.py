"""Reconstruction time of deeprecon, bdpy's icnn and SciPy's L-BFGS-B.

All programs run on one machine, one after the other. VGG19 and the generator have their published
architecture but RANDOM weights. Time does not depend on the weights; losses are comparable only
with each other.

    pip install bdpy==0.26
    python -m benchmarks.reconstruct --threads 2                              # on a CPU
    python -m benchmarks.reconstruct --device cuda --images 50 --iterations 200    # on a GPU

The other programs reconstruct `--peer-images` images one after the other; times are per image.
"""

import argparse
import contextlib
import io
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.optimize
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.machine import RESULTS, machine, report
from deeprecon.features.networks import Network, load
from deeprecon.features.statistics import LayerStatistics
from deeprecon.reconstruct.compute import Compute
from deeprecon.reconstruct.generator_prior import GeneratorPrior
from deeprecon.reconstruct.generators import CAFFE_MEAN, CaffeGenerator
from deeprecon.reconstruct.invert import reconstruct
from deeprecon.reconstruct.losses import norm_weights
from deeprecon.reconstruct.presets import PRESETS
from deeprecon.reconstruct.result import Reconstruction
from deeprecon.reconstruct.settings import SearchSettings
from deeprecon.typed import changed

Peer = Callable[[int], tuple[NDArray[np.float32], int]]
"""Number of an image -> (3, size, size) RGB, evaluations of the network."""

SIZE = 224
UPPER = 3.0  # upper bound of the latents
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Problem:
    """The problem that all programs solve.

    Attributes
    ----------
    network : VGG19 with random weights
    targets : layer -> (n, *unit_shape) features of the images to reconstruct
    weights : layer -> (n,) weights of Shen et al. 2019
    """

    network: Network
    targets: dict[str, Array]
    statistics: dict[str, LayerStatistics]
    weights: dict[str, Array]
    generator: CaffeGenerator
    device: torch.device
    n_iterations: int

    def target_of(self, i: int) -> dict[str, Array]:
        """The targets of one image."""
        return {layer: y[i] for layer, y in self.targets.items()}

    def loss_of(self, found: dict[str, Tensor], i: int) -> Tensor:
        """Weighted sum of squares of one image's features (1, *unit_shape)."""
        parts = [
            self.weights[layer][i].item()
            * (y[0] - torch.as_tensor(self.targets[layer][i], device=self.device)).square().sum()
            for layer, y in found.items()
        ]
        return torch.stack(parts).sum()

    def loss_of_images(self, images: NDArray[Any]) -> float:
        """Mean loss of images (n, 3, size, size), RGB 0-255, one at a time, in float32."""
        losses = []
        with torch.no_grad():
            for i, image in enumerate(images):
                x = torch.as_tensor(image[None], dtype=torch.float32, device=self.device)
                losses.append(self.loss_of(self.network.features(x, self.network.layers), i))
        return torch.stack(losses).mean().item()


def problem(n: int, n_iterations: int, device: torch.device) -> Problem:
    """Features of smooth random images, with statistics from two other images."""
    network = load("vgg19", weights="random").to(device)
    coarse = torch.rand(n + 2, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 255
    images = torch.nn.functional.interpolate(coarse, size=(SIZE, SIZE), mode="bicubic")
    parts = []
    with torch.no_grad():
        for image in images.clamp(0, 255):
            found = network.features(image[None].to(device), network.layers)
            parts.append({layer: y.cpu().numpy() for layer, y in found.items()})
    features = {layer: np.concatenate([part[layer] for part in parts]) for layer in network.layers}
    weights = norm_weights({layer: torch.as_tensor(y[:n]) for layer, y in features.items()})
    torch.manual_seed(1)
    return Problem(
        network,
        {layer: y[:n] for layer, y in features.items()},
        {layer: LayerStatistics.of(y[n:]) for layer, y in features.items()},
        {layer: value.numpy() for layer, value in weights.items()},
        CaffeGenerator("relu7").to(device),
        device,
        n_iterations,
    )


def matmul_rate(device: torch.device) -> float:
    """TFLOP/s of a product of square float32 matrices; best of six."""
    n = 2048 if device.type == "cpu" else 8192
    a = torch.rand(n, n, device=device)
    best = min(_timed(lambda: a @ a, device)[0] for _ in range(6))
    return 2 * n**3 / best / 1e12


def flops_of_evaluation(p: Problem) -> float:
    """Floating-point operations of one loss with its gradient, for one image."""
    x = torch.zeros(1, 3, SIZE, SIZE, device=p.device, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        p.loss_of(p.network.features(x, p.network.layers), 0).backward()
    return float(counter.get_total_flops())


def _timed(work: Callable[[], Any], device: torch.device) -> tuple[float, Any]:
    """Seconds that a call takes, and its result."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    result = work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start, result


def bdpy_icnn(p: Problem, latent: bool) -> Peer:
    """`recon.torch.icnn` of bdpy, with its own network and generator but the same weights."""
    from bdpy.dl.torch.models import VGG19, AlexNetGenerator, layer_map
    from bdpy.recon.torch.icnn import reconstruct as icnn

    encoder, generator = VGG19().to(p.device), None
    encoder.load_state_dict(p.network.module.state_dict())
    start: dict[str, Any] = {"initial_image": np.zeros((3, SIZE, SIZE), np.float32)}
    if latent:
        generator = AlexNetGenerator(device=str(p.device)).to(p.device)
        generator.load_state_dict(p.generator.state_dict(), strict=False)
        start = {
            "initial_feature": np.zeros(4096, np.float32),
            "feature_lower_bound": 0.0,
            "feature_upper_bound": UPPER,
        }

    def one(i: int) -> tuple[Array, int]:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            image = icnn(
                {layer: y[None] for layer, y in p.target_of(i).items()},
                encoder,
                layer_map("vgg19"),
                generator,
                p.n_iterations,
                decay=(0.01, 0.01),
                layer_weights={layer: float(w[i]) for layer, w in p.weights.items()},
                image_size=(SIZE, SIZE, 3),
                output_dir=folder,
                save_snapshot=False,
                disp_interval=p.n_iterations,
                device=str(p.device),
                **start,
            )
        return rgb(image), p.n_iterations

    return one


def scipy_lbfgsb(p: Problem) -> Peer:
    """SciPy's L-BFGS-B, started from the mean image as in `icnn_lbfgs`."""
    mean = np.repeat(np.array(CAFFE_MEAN), SIZE**2)

    def one(i: int) -> tuple[Array, int]:
        def objective(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            shape = (1, 3, SIZE, SIZE)
            image = torch.as_tensor((x + mean).reshape(shape), dtype=torch.float32).to(p.device)
            image.requires_grad_(True)
            loss = p.loss_of(p.network.features(image, p.network.layers), i)
            loss.backward()
            assert image.grad is not None
            return loss.item(), image.grad.double().cpu().numpy().ravel()

        result = scipy.optimize.minimize(
            objective, np.zeros(3 * SIZE**2), jac=True, method="L-BFGS-B",
            bounds=np.stack([-mean, 255 - mean], axis=1), options={"maxiter": p.n_iterations},
        )  # fmt: skip
        return (result.x + mean).reshape(3, SIZE, SIZE).astype(np.float32), result.nfev

    return one


def rgb(bgr: NDArray[Any]) -> Array:
    """Convert an image from bdpy's BGR minus mean colour to RGB 0-255."""
    return (bgr[::-1] + np.array(CAFFE_MEAN)[:, None, None]).astype(np.float32)


def ours(p: Problem, settings: SearchSettings, compute: Compute) -> Reconstruction:
    """Reconstruct all images with deeprecon."""
    prior = None
    if settings.prior == "generator":
        mean = torch.tensor(CAFFE_MEAN)
        prior = GeneratorPrior(p.generator, SIZE, mean, lower=0.0, upper=UPPER)
    return reconstruct(
        p.targets, p.network, SIZE, p.statistics, settings, prior=prior, decoded=False,
        compute=compute,
    )  # fmt: skip


def one_by_one(work: Peer, n: int) -> tuple[Array, int]:
    """Images by a program that reconstructs one at a time, and its mean number of evaluations."""
    found = [work(i) for i in range(n)]
    return np.stack([image for image, _ in found]), round(np.mean([k for _, k in found]))


@dataclass(frozen=True)
class Measured:
    """Seconds per image, number of evaluations, mean loss of the first images."""

    seconds: float
    evaluations: int
    loss: float


def variants(device: str, n: int, compiled: bool) -> dict[str, Compute]:
    """Variants of computation: precision, and whether the network is compiled."""
    whole = Compute(device=device, batch_size=n)
    found = {"": whole, ", bfloat16": changed(whole, precision="bfloat16")}
    if device == "cuda":
        found[", tf32"] = changed(whole, precision="tf32")
    if compiled:
        found |= {f"{label}, compiled": changed(how, compile=True) for label, how in found.items()}
    return found


def of_ours(
    p: Problem, settings: SearchSettings, n_peer: int, compiled: bool
) -> Iterator[tuple[str, Measured, Reconstruction]]:
    """Results of deeprecon in each variant of computation."""
    n = len(p.targets["fc8"])
    for label, compute in variants(p.device.type, n, compiled).items():
        if compute.compile:  # the first run compiles
            ours(p, changed(settings, n_iterations=2), compute)
        spent, result = _timed(lambda: ours(p, settings, compute), p.device)  # noqa: B023
        loss = p.loss_of_images(result.raw[:n_peer].transpose(0, 3, 1, 2))
        yield f"deeprecon{label}", Measured(spent / n, len(result.loss), loss), result


def rows(p: Problem, n_peer: int, compiled: bool) -> Iterator[str]:
    """Rows of the tables."""
    n = len(p.targets["fc8"])
    rate, flops = matmul_rate(p.device), flops_of_evaluation(p)
    yield (
        f"{n} images (peers: {n_peer}), 19 layers of VGG19 at {SIZE} pixels, {p.n_iterations} "
        f"iterations. A loss with its gradient is {flops / 1e9:.0f} GFLOP per image. A product of "
        f"float32 matrices: {rate:.2f} TFLOP/s. Weights are RANDOM."
    )
    pixels = bdpy_icnn(p, latent=False)
    spent, (images, count) = _timed(lambda: one_by_one(pixels, n_peer), p.device)
    descent = Measured(spent / n_peer, count, p.loss_of_images(images))
    searches: dict[str, tuple[str, Peer, str]] = {
        "latents of a generator": ("2019-dgn", bdpy_icnn(p, latent=True), "bdpy 0.26 icnn"),
        "pixels between bounds": ("2019-pixel", scipy_lbfgsb(p), "SciPy L-BFGS-B"),
    }
    for title, (preset, peer, name) in searches.items():
        yield f"\n## {title}, preset {preset}\n"
        yield (
            "| program | s per image | relative to deeprecon | evaluations "
            "| evaluations per second | share of the product's rate | loss |"
        )
        yield "|---|--:|--:|--:|--:|--:|--:|"
        settings = changed(PRESETS[preset], n_iterations=p.n_iterations)
        found = list(of_ours(p, settings, n_peer, compiled))
        table = {label: measured for label, measured, _ in found}
        spent, (images, count) = _timed(lambda: one_by_one(peer, n_peer), p.device)  # noqa: B023
        table[name] = Measured(spent / n_peer, count, p.loss_of_images(images))
        if preset == "2019-pixel":
            table["bdpy 0.26 icnn, gradient descent"] = descent
        for label, one in table.items():
            speed = one.evaluations / one.seconds
            yield (
                f"| {label} | {one.seconds:.2f} | {one.seconds / table['deeprecon'].seconds:.2f} "
                f"| {one.evaluations} | {speed:.2f} | {speed * flops / rate / 1e12:.0%} "
                f"| {one.loss:.5g} |"
            )
        if preset == "2019-pixel":
            history = found[0][2].loss[:, :n_peer].mean(axis=1)
            below = np.flatnonzero(history <= descent.loss)
            after = f"after {below[0] + 1} evaluations" if len(below) else "at no evaluation"
            yield f"\ndeeprecon falls below the final loss of bdpy's gradient descent {after}."


def main() -> None:
    """Write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--peer-images", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=15)
    parser.add_argument("--compile", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    device = torch.device(given.device)
    where = machine(("torch", "bdpy"), given.threads)
    if device.type == "cuda":
        where = f"{torch.cuda.get_device_name()}. {where}"
    report(
        RESULTS / f"reconstruct_{device.type}.md",
        "Reconstructing images",
        where,
        rows(problem(given.images, given.iterations, device), given.peer_images, given.compile),
    )


if __name__ == "__main__":
    main()

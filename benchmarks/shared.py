"""One operator for all units of a tile, or each unit's own best voxels? On simulated responses.

A simulated brain sees photographs; its true responses and noise make samples. Decoders are trained
on some categories of photographs and tested on others. Settings of both kinds of decoders are
chosen in the same way: cross-validation on the training categories. From the repository's root:

    python -m benchmarks.shared

The shared decoder is kernel ridge regression on the samples of each stimulus averaged: voxel v
counts by the mean over a spatial tile's units of |r(voxel, unit)|, to a power, and the operator
from test samples to training stimuli is the same for all units of the tile.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import threadpool_limits

from benchmarks.cleaning import SIMULATION
from benchmarks.machine import RESULTS, machine, report
from deeprecon.data.simulate.subject import physiology, simulate_brain
from deeprecon.data.stimuli import category_groups, load_images, read_stimuli, simulated_images
from deeprecon.data.stimuli import write_stimuli as write_images
from deeprecon.decode.layer import TrainingVoxels
from deeprecon.decode.ridge import TopKSolver
from deeprecon.decode.scores import profile_correlation
from deeprecon.features.extract import extract
from deeprecon.features.networks import load

LAYERS = ("stem", "b2", "b7", "b15")
N_IMAGES, N_REPEATS, N_UNITS, SIZE = 900, 3, 300, 64
TOPK = list(product((25, 50, 100, 200, 500), (30.0, 100.0, 300.0, 1000.0, 3000.0)))
SHARED = list(product((1, 2, 4, 8), (1, 2, 3), (0.1, 0.3, 1.0, 3.0, 10.0)))
Array = NDArray[np.floating]


class Layer:
    """Some units of a layer: values (n_images, n_units) and where they are, as shares of 1."""

    def __init__(self, features: Array, seed: int) -> None:
        rng = np.random.default_rng(seed)
        flat = features.reshape(len(features), -1)
        varying = np.flatnonzero(flat.std(axis=0) > 0)
        units = np.sort(rng.choice(varying, N_UNITS, replace=False))
        self.values = flat[:, units]
        _, height, width = features.shape[1:]
        _, row, column = np.unravel_index(units, features.shape[1:])
        self.place = np.stack([(row + 0.5) / height, (column + 0.5) / width])

    def tiles(self, n: int) -> list[NDArray[np.intp]]:
        """Units in each of n x n windows."""
        window = np.ravel_multi_index(tuple((self.place * n).astype(int)), (n, n))
        return [np.flatnonzero(window == tile) for tile in np.unique(window)]


class Data:
    """Standardised training voxels and units, and test voxels averaged over repetitions."""

    def __init__(self, samples: Array, values: Array, train: list[int], test: list[int]) -> None:
        shown = [str(i) for i in train] * N_REPEATS
        rows = np.concatenate([samples[k, train] for k in range(N_REPEATS)])
        self.training = TrainingVoxels.of(rows.astype(np.float32), shown)
        self.X = self.training.standardised(samples[:, test].mean(axis=0))
        self.mean, self.sd = values[train].mean(axis=0), values[train].std(axis=0, ddof=1)
        self.Y = ((values[train] - self.mean) / np.where(self.sd > 0, self.sd, np.inf)).astype("f4")


def topk(data: Data, _: Layer, n_voxels: int, alpha: float) -> Array:
    """Predictions (n_test, n_units) of ridge on each unit's best voxels."""
    solution = TopKSolver(data.training.design, n_voxels, alpha).solve(data.Y)
    return solution.predict(data.X) * data.sd + data.mean


def shared(data: Data, layer: Layer, n_tiles: int, power: int, alpha: float) -> Array:
    """Predictions (n_test, n_units) of one operator for each tile."""
    design = data.training.design
    centred, mean = design.centred(data.Y)
    r = design.correlation_order(design.covariance(centred)) / design.n_samples
    X = design.by_stimulus / design.repeats[:, None].astype("f4")
    predicted = np.empty((len(data.X), data.Y.shape[1]), np.float32)
    for units in layer.tiles(n_tiles):
        weights = r[units].mean(axis=0) ** power
        weighted = X * weights
        kernel = weighted @ weighted.T
        kernel.flat[:: len(kernel) + 1] += alpha * np.trace(kernel) / len(kernel)
        operator = cho_solve(cho_factor(kernel, lower=True), weighted @ (data.X * weights).T).T
        predicted[:, units] = operator @ centred[:, units]
    return (predicted + mean) * data.sd + data.mean


Decoder = Callable[..., Array]


def score(predicted: Array, true: Array) -> float:
    """Mean profile correlation."""
    return float(np.nanmean(profile_correlation(predicted, true)))


def chosen(
    decode: Decoder, grid: list[tuple], folds: list[list[int]], samples: Array, layer: Layer
) -> tuple:
    """Settings with the best mean accuracy over folds of training images."""
    totals = np.zeros(len(grid))
    for i, test in enumerate(folds):
        train = [image for j, fold in enumerate(folds) if j != i for image in fold]
        data = Data(samples, layer.values, train, test)
        totals += [score(decode(data, layer, *g), layer.values[test]) for g in grid]
    return grid[int(np.argmax(totals))]


def effective_rank(predicted: Array) -> float:
    """Exponential of the entropy of the singular values (Roy & Vetterli 2007), units z-scored."""
    sd = predicted.std(axis=0)
    z = (predicted - predicted.mean(axis=0)) / np.where(sd > 0, sd, np.inf)
    share = np.linalg.svd(z, compute_uv=False)
    share = share[share > 0] / share.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def difference(a: Array, b: Array, true: Array, seed: int) -> tuple[float, float, float]:
    """Accuracy of a less that of b, and its 95 % interval: bootstrap over test images, paired."""
    rng, n = np.random.default_rng(seed), len(true)
    found = [score(a[i], true[i]) - score(b[i], true[i]) for i in rng.integers(n, size=(1000, n))]
    low, high = np.percentile(found, [2.5, 97.5])
    return score(a, true) - score(b, true), low, high


def responses(folder: Path, seed: int) -> tuple[Array, Array, list[str]]:
    """True responses (n_images, n_voxels), the images, and the group of each; simulated."""
    write_images(folder, "train", simulated_images("train", SIZE, N_IMAGES, seed))
    table = read_stimuli(folder / "train.tsv")
    images, groups = load_images(table, SIZE), category_groups(table)
    body, truth = physiology(SIMULATION), folder / "brain.h5"
    simulate_brain(folder / "t1w.nii.gz", [], truth, "sub-01", {"train": images}, body, seed, {})
    with h5py.File(truth) as file:
        true = file["responses/train"][:]
    return true, images, [groups[name] for name in table["stimulus_id"]]


def compare(noise: float, seed: int) -> Iterator[str]:
    """Rows of the Markdown table for noise of so many times the median response's SD."""
    with tempfile.TemporaryDirectory() as folder:
        true, images, group = responses(Path(folder), seed)
    features = extract(load("efficientnet_lite0"), images, LAYERS)
    rng = np.random.default_rng(seed)
    sd = noise * np.median(true.std(axis=0)[true.std(axis=0) > 0])
    samples = (true + rng.normal(0, sd, (N_REPEATS, *true.shape))).astype(np.float32)
    names = rng.permutation(np.unique(group))
    parts = [np.flatnonzero(np.isin(group, part)).tolist() for part in np.array_split(names, 6)]
    test, folds = parts[0], parts[1:]
    train = [image for fold in folds for image in fold]
    yield f"\nNoise of {noise:g} times the response; {len(train)} images, tested on {len(test)}:\n"
    yield (
        "| layer | top-k, not tuned (500, 100) | top-k, tuned | chosen (voxels, alpha) | shared, "
        "tuned | chosen (tiles, power, alpha) | shared less top-k, 95 % interval | effective rank "
        "of truth, top-k, shared | ms a unit, top-k, shared |"
    )
    yield "|---|--:|--:|---|--:|---|--:|--:|--:|"
    for name in LAYERS:
        layer = Layer(features[name], seed)
        data, wanted = Data(samples, layer.values, train, test), layer.values[test]
        best = chosen(topk, TOPK, folds, samples, layer)
        best_shared = chosen(shared, SHARED, folds, samples, layer)
        plain = topk(data, layer, 500, 100.0)
        start = time.perf_counter()
        own = topk(data, layer, *best)
        middle = time.perf_counter()
        one = shared(data, layer, *best_shared)
        spent = np.diff([start, middle, time.perf_counter()]) / N_UNITS * 1e3
        gain, low, high = difference(one, own, wanted, seed)
        ranks = [effective_rank(values) for values in (wanted, own, one)]
        yield (
            f"| {name} | {score(plain, wanted):.3f} | {score(own, wanted):.3f} | {best} "
            f"| {score(one, wanted):.3f} | {best_shared} "
            f"| {gain:+.3f} ({low:+.3f} to {high:+.3f}) "
            f"| {', '.join(f'{rank:.0f}' for rank in ranks)} | {spent[0]:.1f}, {spent[1]:.1f} |"
        )


def main() -> None:
    """Run the comparison, print its tables and keep them in `results/`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the result")
    args = parser.parse_args()

    def rows() -> Iterator[str]:
        yield "Simulated data. Accuracy: mean profile correlation on categories not trained on."
        for noise in (1.0, 4.0):
            yield from compare(noise, args.seed)

    with threadpool_limits(1):
        report(args.output / "shared.md", "A shared operator", machine(("torch",)), rows())


if __name__ == "__main__":
    main()

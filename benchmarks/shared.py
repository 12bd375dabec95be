"""Compare one operator for all units of a tile with each unit's best voxels, in simulation.

Samples are the true responses of a simulated brain to photographs, plus noise. Decoders are trained
on some categories of photographs and tested on others. The settings of both kinds of decoders are
chosen in the same way, by cross-validation on the training categories. From the root of the
repository:

    python -m benchmarks.shared
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from benchmarks.machine import RESULTS, machine, report
from deeprecon.data.simulate.images import simulated_images
from deeprecon.data.simulate.settings import Physiology
from deeprecon.data.simulate.subject import simulate_brain
from deeprecon.data.stimuli import category_groups, load_images, read_stimuli
from deeprecon.data.stimuli import write_stimuli as write_images
from deeprecon.decode.layer import LayerDecoder, Model, TrainingVoxels
from deeprecon.decode.ridge import TopKRidge
from deeprecon.decode.scores import pairwise_identification, profile_correlation
from deeprecon.decode.shared import SharedRidge
from deeprecon.features.extract import extract
from deeprecon.features.networks import load
from deeprecon.features.units import Units

LAYERS = ("stem", "b2", "b7", "b15")
N_IMAGES, N_REPEATS, N_UNITS, SIZE = 900, 3, 300, 64
TOPK: list[Model] = [
    TopKRidge(n_voxels, alpha)
    for n_voxels in (25, 50, 100, 200, 500, 1000)
    for alpha in (100.0, 1e3, 3e3, 1e4, 3e4)
]
SHARED: list[Model] = [
    SharedRidge(tiles, power, alpha)
    for tiles in (1, 4, 8, 16)
    for power in (1.0, 2.0)
    for alpha in (0.3, 1.0, 3.0, 10.0, 30.0)
]
Array = NDArray[np.floating]


class Layer:
    """A sample of a layer's units, and their values (n_images, n_units)."""

    def __init__(self, features: Array, seed: int) -> None:
        rng = np.random.default_rng(seed)
        flat = features.reshape(len(features), -1)
        varying = np.flatnonzero(flat.std(axis=0) > 0)
        index = np.sort(rng.choice(varying, N_UNITS, replace=False))
        self.values, self.units = flat[:, index], Units(features.shape[1:], index)


class Data:
    """Training samples, and test samples averaged over repetitions."""

    def __init__(self, samples: Array, train: list[int], test: list[int]) -> None:
        self.train = train
        rows = np.concatenate([samples[k, train] for k in range(N_REPEATS)])
        self.training = TrainingVoxels.of(rows, [str(i) for i in train] * N_REPEATS)
        self.test = samples[:, test].mean(axis=0)

    def decode(self, layer: Layer, model: Model) -> Array:
        """Features (n_test, n_units) that a model decodes."""
        known = [str(i) for i in self.train]
        decoder = LayerDecoder(self.training, model, n_jobs=-1)
        return decoder.decode(layer.values[self.train], known, self.test, layer.units)


def score(predicted: Array, true: Array) -> float:
    """Mean profile correlation."""
    return float(np.nanmean(profile_correlation(predicted, true)))


def chosen(models: list[Model], folds: list[list[int]], samples: Array, layer: Layer) -> Model:
    """The model with the best mean accuracy over two of four folds of training images."""
    totals = np.zeros(len(models))
    for i, test in enumerate(folds[:2]):
        train = [image for j, fold in enumerate(folds) if j != i for image in fold]
        data = Data(samples, train, test)
        totals += [score(data.decode(layer, model), layer.values[test]) for model in models]
    return models[int(np.argmax(totals))]


def effective_rank(predicted: Array) -> float:
    """Exponential of the entropy of the singular values (Roy & Vetterli 2007), units z-scored."""
    sd = predicted.std(axis=0)
    z = (predicted - predicted.mean(axis=0)) / np.where(sd > 0, sd, np.inf)
    share = np.linalg.svd(z, compute_uv=False)
    share = share[share > 0] / share.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def difference(a: Array, b: Array, true: Array, seed: int) -> str:
    """Accuracy of a minus that of b, with 95 % interval: paired bootstrap over test images."""
    rng, n = np.random.default_rng(seed), len(true)
    found = [score(a[i], true[i]) - score(b[i], true[i]) for i in rng.integers(n, size=(1000, n))]
    return _interval(score(a, true) - score(b, true), found)


def identification(a: Array, b: Array, true: Array, seed: int) -> str:
    """Pairwise identification by b and by a, and their difference with its 95 % interval."""
    of_a, of_b = (pairwise_identification(predicted, true) for predicted in (a, b))
    rng, n = np.random.default_rng(seed), len(true)
    found = (of_a - of_b)[rng.integers(n, size=(1000, n))].mean(axis=1)
    return f"{of_b.mean():.3f}, {of_a.mean():.3f}, {_interval((of_a - of_b).mean(), found)}"


def _interval(value: float, found: ArrayLike) -> str:
    """A difference with its 95 % percentile interval."""
    low, high = np.percentile(found, [2.5, 97.5])
    return f"{value:+.3f} ({low:+.3f} to {high:+.3f})"


def responses(folder: Path, seed: int) -> tuple[Array, Array, list[str]]:
    """True responses (n_images, n_voxels), the images, and the group of each; simulated."""
    write_images(folder, "train", simulated_images("train", SIZE, N_IMAGES, seed))
    table = read_stimuli(folder / "train.tsv")
    images, groups = load_images(table, SIZE), category_groups(table)
    body, truth = Physiology(), folder / "brain.h5"
    simulate_brain(folder / "t1w.nii.gz", [], truth, "sub-01", {"train": images}, body, seed, {})
    with h5py.File(truth) as file:
        true = file["responses/train"][:]
    return true, images, [groups[name] for name in table["stimulus_id"]]


def compare(noise: float, seed: int) -> Iterator[str]:
    """Rows of the Markdown table; `noise` is in units of the median SD of the responses."""
    with tempfile.TemporaryDirectory() as folder:
        true, images, group = responses(Path(folder), seed)
    features = extract(load("efficientnet_lite0"), images, LAYERS)
    rng = np.random.default_rng(seed)
    sd = noise * np.median(true.std(axis=0)[true.std(axis=0) > 0])
    samples = (true + rng.normal(0, sd, (N_REPEATS, *true.shape))).astype(np.float32)
    names = rng.permutation(np.unique(group))
    parts = [np.flatnonzero(np.isin(group, part)).tolist() for part in np.array_split(names, 5)]
    test, folds = parts[0], parts[1:]
    train = [image for fold in folds for image in fold]
    yield f"\nNoise of {noise:g} times the response; {len(train)} images, tested on {len(test)}:\n"
    yield (
        "| layer | top-k, untuned (500, 100) | top-k, tuned | chosen (voxels, alpha) | shared, "
        "tuned | chosen (tiles, power, alpha) | shared minus top-k, 95 % interval | pairwise "
        "identification: top-k, shared, difference | effective rank of truth, top-k, shared |"
    )
    yield "|---|--:|--:|---|--:|---|--:|--:|--:|"
    for name in LAYERS:
        layer = Layer(features[name], seed)
        data, wanted = Data(samples, train, test), layer.values[test]
        best = chosen(TOPK, folds, samples, layer)
        best_shared = chosen(SHARED, folds, samples, layer)
        plain = data.decode(layer, TopKRidge(500, 100.0))
        own, one = data.decode(layer, best), data.decode(layer, best_shared)
        ranks = [effective_rank(values) for values in (wanted, own, one)]
        yield (
            f"| {name} | {score(plain, wanted):.3f} | {score(own, wanted):.3f} | {settings(best)} "
            f"| {score(one, wanted):.3f} | {settings(best_shared)} "
            f"| {difference(one, own, wanted, seed)} | {identification(one, own, wanted, seed)} "
            f"| {', '.join(f'{rank:.0f}' for rank in ranks)} |"
        )


def settings(model: Any) -> str:
    """Settings of a model, in the order of its constructor."""
    names = ("n_voxels", "alpha") if isinstance(model, TopKRidge) else ("tiles", "power", "alpha")
    return ", ".join(f"{getattr(model, name):g}" for name in names)


def times(n_voxels: int = 10000, n_stimuli: int = 1200, seed: int = 0) -> Iterator[str]:
    """Seconds for random features in the shape of a part of VGG19's conv4 layers."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_stimuli, n_voxels), dtype=np.float32)
    Y = rng.standard_normal((n_stimuli, 32, 28, 28), dtype=np.float32)
    names = [str(i) for i in range(n_stimuli)]
    training = TrainingVoxels.of(X, names)
    yield f"\nTime, {n_voxels} voxels, {n_stimuli} stimuli, {Y[0].size} units, 50 test samples:\n"
    yield "| model | ms per unit |"
    yield "|---|--:|"
    for model, few in ((TopKRidge(), 784), (SharedRidge(tiles=8), None), (SharedRidge(1), None)):
        part = Y if few is None else Y.reshape(n_stimuli, -1)[:, :few]
        decoder = LayerDecoder(training, model, n_jobs=-1)
        start = time.perf_counter()
        decoder.decode(part, names, X[:50])
        spent = time.perf_counter() - start
        yield f"| {model} | {1e3 * spent / part[0].size:.3f} |"


def main() -> None:
    """Run the comparison, print its tables and keep them in `results/`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder for the result")
    args = parser.parse_args()

    def rows() -> Iterator[str]:
        yield "Simulated data. Accuracy: mean profile correlation on held-out categories."
        for noise in (1.0, 4.0):
            yield from compare(noise, args.seed)
        yield from times()

    with threadpool_limits(1):
        report(
            args.output / "shared.md",
            "A shared operator",
            machine(("torch",), os.cpu_count() or 1),
            rows(),
        )


if __name__ == "__main__":
    main()

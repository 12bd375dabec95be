"""Training time of decoders: deeprecon, fastl2lir, himalaya and scikit-learn.

All programs run one after the other, on the same arrays and with the same number of threads.
fastl2lir 0.11 fails with NumPy 2.4 and later, so it needs its own environment. From the root
of the repository:

    python -m venv /tmp/peers
    /tmp/peers/bin/pip install 'numpy<2.4' fastl2lir==0.11 himalaya packaging h5py pandas
    /tmp/peers/bin/python -m benchmarks.decoders --threads 2

The lab's scripts call fastl2lir once per channel of a convolutional layer; a channel of VGG19's
conv5 layers has 196 units.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_lapack_funcs
from threadpoolctl import threadpool_limits

from benchmarks.machine import RESULTS, machine, report
from deeprecon.decode.design import Design
from deeprecon.decode.parallel import in_threads
from deeprecon.decode.ridge import TopKSolver, solve_topk_ridge
from deeprecon.features.units import Units

N_STIMULI, N_REPEATS, N_SELECTED, ALPHA = 1200, 5, 500, 100.0
CHANNEL, N_CHANNELS = 196, 4
Array = NDArray[np.floating]


def data(n_voxels: int, n_units: int) -> tuple[Array, Array, NDArray[np.intp]]:
    """Simulate voxels (6000, n_voxels), units (1200, n_units) and the stimulus of each sample.

    Units and voxels are noisy mixtures of shared sources. Units therefore select overlapping sets
    of voxels, like the units of a channel.
    """
    rng = np.random.default_rng(0)
    sources = rng.standard_normal((N_STIMULI, 100), dtype=np.float32)
    units = sources @ rng.standard_normal((100, n_units), dtype=np.float32)
    voxels = sources @ rng.standard_normal((100, n_voxels), dtype=np.float32)
    index = np.tile(np.arange(N_STIMULI), N_REPEATS)
    X = voxels[index] + 20 * rng.standard_normal((len(index), n_voxels), dtype=np.float32)
    X = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    units = (units - units.mean(axis=0)) / units.std(axis=0, ddof=1)
    return X.astype(np.float32), units.astype(np.float32), index


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that a call takes, and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def rates(n: int) -> tuple[float, float]:
    """GFLOP/s of a product and a Cholesky factorisation of (n, n) float32 matrices; best of 3."""
    a = np.random.default_rng(0).standard_normal((n, n), dtype=np.float32)
    product = min(seconds(lambda: a @ a)[0] for _ in range(3))
    gram = a @ a.T
    gram.flat[:: n + 1] += n
    (potrf,) = get_lapack_funcs(("potrf",), (gram,))
    factor = min(seconds(lambda: potrf(gram.T, lower=1, overwrite_a=0))[0] for _ in range(3))
    return 2 * n**3 / product / 1e9, n**3 / 3 / factor / 1e9


def fastl2lir(X: Array, Y: Array, n_selected: int) -> Array:
    """Dense weights (n_voxels, n_units) by fastl2lir."""
    from fastl2lir import FastL2LiR

    model = FastL2LiR()
    model.fit(X, Y, alpha=ALPHA, n_feat=n_selected)
    weights: Array = model.W
    return weights


def solve_with(design: Design, Y: Array, n_selected: int | None, threads: int) -> Array:
    """Dense weights (n_voxels, n_units) by deeprecon, from precomputed sums."""
    solver = TopKSolver(design, n_selected, ALPHA)
    weights = np.zeros((design.n_voxels, Y.shape[1]), np.float32)
    blocks = solver.groups(Units.every((Y.shape[1],)))
    parts = in_threads(lambda units: solver.solve(Y[:, units]), blocks, threads)
    for units, part in zip(blocks, parts, strict=True):
        dense = weights[:, units].T
        if part.selected is None:
            dense[:] = part.weights
        else:
            np.put_along_axis(dense, part.selected, part.weights, axis=1)
    return weights


def selected(n_voxels: int, threads: int) -> Iterator[str]:
    """Rows of the table for ridge regression on each unit's best 500 voxels."""
    X, Y, index = data(n_voxels, CHANNEL * N_CHANNELS)
    rows = Y[index]
    n_units = Y.shape[1]
    rate_product, rate_factor = rates(n_voxels)
    yield (
        f"\n## {n_voxels} voxels, {len(X)} samples of {N_STIMULI} stimuli, {N_SELECTED} voxels "
        f"selected, {n_units} units\n"
    )
    yield (
        f"The machine's rates at this size, float32: product {rate_product:.0f} GFLOP/s, Cholesky "
        f"{rate_factor:.0f} GFLOP/s.\n"
    )
    yield "| program | s | ms per unit | relative to deeprecon | Cholesky GFLOP/s |"
    yield "|---|---|---|---|---|"

    def per_channel() -> Array:
        parts = np.split(rows, N_CHANNELS, axis=1)
        return np.concatenate([fastl2lir(X, part, N_SELECTED) for part in parts], axis=1)

    set_up, design = seconds(lambda: Design.of(X, index, N_STIMULI))
    ours, found = seconds(lambda: solve_with(design, Y, N_SELECTED, threads))
    lab, reference = seconds(per_channel)
    whole, _ = seconds(lambda: fastl2lir(X, rows, N_SELECTED))
    double = X.astype(np.float64), Y.astype(np.float64)
    in_double, _ = seconds(
        lambda: solve_topk_ridge(*double, N_SELECTED, ALPHA, stimulus_index=index, n_jobs=threads)
    )
    for name, spent in (
        ("fastl2lir 0.11, one call per channel, as in the lab's scripts", lab),
        ("fastl2lir 0.11, one call", whole),
        ("deeprecon, float64, including set-up", in_double),
        (f"deeprecon, float32, including set-up of {set_up:.1f} s", set_up + ours),
        ("deeprecon, float32, set-up reused from another layer", ours),
    ):
        rate = n_units * N_SELECTED**3 / 3 / spent / 1e9
        yield (
            f"| {name} | {spent:.1f} | {1e3 * spent / n_units:.2f} | {spent / ours:.1f} "
            f"| {rate:.0f} |"
        )
    different = ((found != 0) != (reference != 0)).any(axis=0)
    error = np.abs(found - reference)[:, ~different].max()
    yield (
        f"\nLargest difference of weights from fastl2lir's, both float32: {error:.1e}; the largest "
        f"weight is {np.abs(reference).max():.2f}. {different.sum()} of {n_units} units have "
        "a different voxel among their 500, because two correlations are equal in float32."
    )


def every_voxel(n_voxels: int, threads: int) -> Iterator[str]:
    """Rows of the table for ridge regression on all voxels, which other libraries also offer."""
    from himalaya.ridge import Ridge as Himalaya
    from sklearn.linear_model import Ridge

    n_units = 4096
    X, Y, index = data(n_voxels, n_units)
    rows = Y[index]
    yield f"\n## Ridge on all of {n_voxels} voxels, {n_units} units, including set-up\n"
    yield "| program | s | relative to deeprecon | largest difference of weights |"
    yield "|---|---|---|---|"

    def mine() -> Array:
        solution = solve_topk_ridge(X, Y, None, ALPHA, stimulus_index=index, n_jobs=threads)
        return solution.weights.T

    ours, reference = seconds(mine)
    yield f"| deeprecon | {ours:.1f} | 1.0 | |"
    peers: dict[str, Callable[[], Array]] = {
        "scikit-learn Ridge(solver='cholesky')": lambda: (
            Ridge(alpha=ALPHA, solver="cholesky", fit_intercept=False).fit(X, rows).coef_.T
        ),
        "himalaya Ridge(solver='svd')": lambda: (
            Himalaya(alpha=ALPHA, solver="svd", fit_intercept=False).fit(X, rows).coef_
        ),
        "fastl2lir 0.11 without selection": lambda: fastl2lir(X, rows, 0),
    }
    for name, work in peers.items():
        spent, found = seconds(work)
        error = np.abs(found - reference).max()
        yield f"| {name} | {spent:.1f} | {spent / ours:.1f} | {error:.1e} |"


def main() -> None:
    """Write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    threads = parser.parse_args().threads

    def rows() -> Iterator[str]:
        for n_voxels in (6000, 10000):
            yield from selected(n_voxels, threads)
        yield from every_voxel(6000, threads)

    with threadpool_limits(limits=threads, user_api="blas"):
        report(
            RESULTS / f"decoders_{threads}.md",
            "Training decoders",
            machine(("fastl2lir", "himalaya", "scikit-learn"), threads),
            rows(),
        )


if __name__ == "__main__":
    main()

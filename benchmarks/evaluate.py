"""Time of scoring 1,000 images, with permutation tests and bootstrap intervals.

The images are simulated, 64 pixels wide; each reconstruction contains part of its image. There are
10,000 permutations and 10,000 resamples. Identification is scored by pixels, in both directions,
and by six sets of 5,000 units in place of network layers; the time of a network is not included.
From the root of the repository:

    python -m benchmarks.evaluate --threads 2
"""

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.machine import RESULTS, machine, report
from deeprecon.evaluate.metrics import pixel_correlation
from deeprecon.evaluate.ssim import ssim_grey
from deeprecon.stats.bootstrap import bootstrap_ci, bootstrap_identification_ci
from deeprecon.stats.correlation import similarity_matrix
from deeprecon.stats.identification import Fixed
from deeprecon.stats.permutation import permutation_test

N_IMAGES, SIZE = 1000, 64
N_LAYERS, N_UNITS = 6, 5000
N_DRAWS = 10_000
GOAL = 120  # seconds in total, on two cores
Array = NDArray[Any]


def images() -> tuple[Array, Array]:
    """True and reconstructed images, (n, 64, 64, 3) 0-255: blocks with noise."""
    rng = np.random.default_rng(0)
    blocks = rng.uniform(0, 255, (N_IMAGES, 8, 8, 3)).astype(np.float32)
    true = np.kron(blocks, np.ones((1, SIZE // 8, SIZE // 8, 1), np.float32))
    recon = 0.2 * true + 0.8 * rng.uniform(0, 255, true.shape).astype(np.float32)
    return true.astype(np.uint8), recon.astype(np.uint8)


def layer(seed: int) -> tuple[Array, Array]:
    """Unit values of true images and of their reconstructions, (n, 5000) float32."""
    rng = np.random.default_rng(seed)
    true = rng.standard_normal((N_IMAGES, N_UNITS), dtype=np.float32)
    return true, 0.02 * true + rng.standard_normal(true.shape, dtype=np.float32)


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that a call takes, and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def of_images(true: Array, recon: Array) -> Iterator[tuple[str, list[float]]]:
    """Scores of each image with its own reconstruction, which have no permutation test."""
    for name, score in (("pixel correlation", pixel_correlation), ("SSIM, grey", ssim_grey)):
        scoring, values = seconds(lambda score=score: score(true, recon))
        drawing, _ = seconds(lambda values=values: bootstrap_ci(values, N_DRAWS))
        yield name, [scoring, 0.0, drawing]


def of_identification(
    name: str, true: Array, recon: Array, directions: tuple[Fixed, ...]
) -> Iterator[tuple[str, list[float]]]:
    """Two-way identification; the time of the similarity matrix counts for the first direction."""
    scoring, similarity = seconds(lambda: similarity_matrix(true, recon))
    for fixed in directions:
        testing, test = seconds(
            lambda fixed=fixed: permutation_test(similarity, N_DRAWS, fixed=fixed)
        )
        drawing, _ = seconds(
            lambda fixed=fixed: bootstrap_identification_ci(similarity, N_DRAWS, fixed=fixed)
        )
        yield f"{name}, {fixed} fixed: {test.statistic:.3f}", [scoring, testing, drawing]
        scoring = 0.0


def parts() -> Iterator[tuple[str, list[float]]]:
    """Ten scores, and the seconds of each: scoring, permutation test, bootstrap."""
    true, recon = images()
    yield from of_images(true, recon)
    yield from of_identification("identification by pixels", true, recon, ("recon", "true"))
    for k in range(N_LAYERS):
        units = layer(k)
        yield from of_identification(f"identification by {N_UNITS} units {k}", *units, ("recon",))


def rows() -> Iterator[str]:
    """Rows of the table and their sum."""
    yield "| score | scoring, s | permutations, s | bootstrap, s | total, s |"
    yield "|---|---|---|---|---|"
    total = np.zeros(3)
    for name, spent in parts():
        total += spent
        yield f"| {name} | " + " | ".join(f"{t:.2f}" for t in (*spent, sum(spent))) + " |"
    yield "| **sum** | " + " | ".join(f"{t:.1f}" for t in (*total, total.sum())) + " |"
    yield f"\nThe goal is {GOAL} s on two cores."


def main() -> None:
    """Write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    threads = parser.parse_args().threads
    with threadpool_limits(limits=threads, user_api="blas"):
        report(
            RESULTS / f"evaluate_{threads}.md",
            f"Scores of {N_IMAGES} images",
            machine(("scikit-image", "threadpoolctl"), threads),
            rows(),
        )


if __name__ == "__main__":
    main()

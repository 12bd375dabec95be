"""Coverage of the intervals of raters' accuracy and of strengths, with simulated raters.

Raters differ by a standard deviation of .5 logits, images by 1. An interval is right if it contains
the mean accuracy over the population of raters and images. The project's interval is compared with
the plain pigeonhole bootstrap, a bootstrap over raters alone, and the binomial (Wald) interval. The
benchmark prints tables and writes no file. From the root of the repository:

    OMP_NUM_THREADS=1 python -m benchmarks.judge_coverage --studies 1000
"""

import argparse
import itertools

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import expit

from deeprecon.judge.analysis.statistics import pigeonhole_counts, two_way_interval
from deeprecon.judge.analysis.strengths import bradley_terry, bradley_terry_intervals
from deeprecon.judge.power import ability_for, mean_accuracy

RATER_SD, IMAGE_SD = 0.5, 1.0
SD = float(np.hypot(RATER_SD, IMAGE_SD))
# number of raters, of images, of answers per rater
DESIGNS = (
    (4, 20, 20), (4, 20, 5), (6, 10, 10), (6, 30, 15), (12, 50, 50), (12, 50, 12), (13, 40, 40),
    (13, 40, 10), (20, 50, 25), (20, 50, 8), (20, 8, 8), (40, 50, 20),
)  # fmt: skip
ACCURACIES = (0.5, 0.7, 0.9, 0.97)
STRENGTHS = ((1.5, -1.5), (0.8, 0.0, -0.8), (0.4, 0.2, 0.0, -0.2, -0.4))
COMPARED = ((6, 20, 20), (12, 40, 40), (20, 40, 20))
LEVELS = [0.025, 0.975]
Codes = NDArray[np.intp]
Interval = tuple[float, float]


def study(
    n_raters: int, n_images: int, each: int, ability: float, rng: Generator
) -> tuple[NDArray[np.float64], Codes, Codes]:
    """Right (1) and wrong (0) answers, raters and images; raters take images in turn."""
    raters = np.repeat(np.arange(n_raters), each)
    rings = [rng.permutation(n_images) for _ in range(-(-len(raters) // n_images))]
    images = np.concatenate(rings)[: len(raters)]
    logits = ability + rng.normal(0, RATER_SD, n_raters)[raters]
    logits += rng.normal(0, IMAGE_SD, n_images)[images]
    return (rng.random(len(raters)) < expit(logits)).astype(float), raters, images


def binomial(right: NDArray) -> Interval:
    """Binomial (Wald) interval, as if all answers were independent."""
    mean = right.mean()
    half = 1.96 * np.sqrt(mean * (1 - mean) / len(right))
    return mean - half, mean + half


def bootstrap(
    right: NDArray, raters: Codes, images: Codes, n_resamples: int, seed: int, both: bool
) -> Interval:
    """Percentile interval over resampled raters, and images too if `both`."""
    of_raters, of_images = pigeonhole_counts(raters.max() + 1, images.max() + 1, n_resamples, seed)
    weights = of_raters[:, raters] * (of_images[:, images] if both else 1)
    total = weights.sum(axis=1)
    means = (weights @ right)[total > 0] / total[total > 0]
    low, high = np.quantile(means, LEVELS)
    return float(low), float(high)


def accuracies(n_studies: int, n_resamples: int) -> None:
    """Print coverage (and half width) of intervals of accuracy."""
    print("raters x images (answers)  accuracy   this        pigeonhole  raters      binomial")
    for design in DESIGNS:
        for accuracy in ACCURACIES:
            rng = np.random.default_rng([*design, round(100 * accuracy)])
            ability = ability_for(accuracy, SD)
            ends = []
            for number in range(n_studies):
                right, raters, images = study(*design, ability, rng)
                own = two_way_interval(right, raters, images, n_resamples, seed=number)
                resampled = [
                    bootstrap(right, raters, images, n_resamples, number, both)
                    for both in (True, False)
                ]
                ends.append([(own.low, own.high), *resampled, binomial(right)])
            low, high = np.array(ends).transpose(2, 1, 0)
            slack = 1e-12  # if all answers are equal, an end can equal the truth
            held = ((low <= accuracy + slack) & (accuracy - slack <= high)).mean(axis=1)
            half = (high - low).mean(axis=1) / 2
            cells = "  ".join(f"{a:.3f} {b:.3f}" for a, b in zip(held, half, strict=True))
            name = f"{design[0]} x {design[1]} ({design[2]})"
            print(f"{name:25}  {accuracy:8.2f}   {cells}", flush=True)


def comparisons(
    strengths: NDArray, n_raters: int, n_images: int, each: int, rng: Generator
) -> tuple[Codes, Codes, Codes, Codes]:
    """Winners, losers, raters and images of simulated preferences."""
    pairs = np.array(list(itertools.combinations(range(len(strengths)), 2)))
    asked = np.concatenate([rng.permutation(n_images * len(pairs))[:each] for _ in range(n_raters)])
    raters, images = np.repeat(np.arange(n_raters), each), asked // len(pairs)
    a, b = pairs[asked % len(pairs)].T
    # Each of the two compared conditions has half of the variance.
    of_raters = rng.normal(0, RATER_SD / np.sqrt(2), (n_raters, len(strengths)))
    of_images = rng.normal(0, IMAGE_SD / np.sqrt(2), (n_images, len(strengths)))
    worth = strengths + of_raters[raters] + of_images[images]
    rows = np.arange(len(raters))
    first = rng.random(len(raters)) < expit(worth[rows, a] - worth[rows, b])
    return np.where(first, a, b), np.where(first, b, a), raters, images


def all_strengths(n_studies: int) -> None:
    """Print coverage (and half width) of intervals of strengths."""
    print("\nstrengths                        raters x images (answers)  coverage, half width")
    for given in STRENGTHS:
        strengths = np.array(given)
        truth = bradley_terry([[mean_accuracy(a - b, SD) for b in given] for a in given], prior=0)
        for design in COMPARED:
            rng = np.random.default_rng(design)
            held, half = [], []
            for _ in range(n_studies):
                found = bradley_terry_intervals(*comparisons(strengths, *design, rng), len(given))
                held.append((found.low <= truth) & (truth <= found.high))
                half.append((found.high - found.low) / 2)
            name = f"{design[0]} x {design[1]} ({design[2]})"
            print(f"{given!s:32} {name:26} {np.mean(held):.3f}, {np.mean(half):.2f}", flush=True)


def main() -> None:
    """Read the options and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000, help="simulated studies per row")
    parser.add_argument("--resamples", type=int, default=400, help="resamples per bootstrap")
    options = parser.parse_args()
    accuracies(options.studies, options.resamples)
    all_strengths(options.studies)


if __name__ == "__main__":
    main()

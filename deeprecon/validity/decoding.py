"""Checks of decoding: leaks between training and test, controls, collapsed features."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeprecon.errors import InputError
from deeprecon.stats.corrections import holm
from deeprecon.stats.correlation import similarity_matrix
from deeprecon.stats.permutation import permutation_test
from deeprecon.validity.registry import check
from deeprecon.validity.result import Check, graded, not_run, p_words

Array = NDArray[np.floating]

ROUNDING = 1e-3  # SD; statistics are stored in single precision
CONSTANT = 1e-4  # SD as a share of the mean, below which a unit varies only by rounding
# A control without information fails in 1 of 100 tests and warns in 1 of 20.
P_FAIL, P_WARN = 0.01, 0.05
RANK_WARN, RANK_FAIL = 0.2, 0.05  # of the true features' effective rank
DROP_WARN = 0.1  # of a correlation
MINIMUM_IMAGES = 3
PERMUTATIONS_PER_LAYER = 200  # so that a leak is below P_FAIL after correction for all layers


@check("V03", "folds that share an image", "decoder")
def folds_share_images(image: Sequence[str], folds: Sequence[ArrayLike], about: str = "") -> Check:
    """Whether samples of one image are in more than one fold.

    The 120 training runs of ds001506 are five passes over the same images: folds of runs leak.

    Parameters
    ----------
    image : identity of the image of each training sample; the SHA-256 of its file also finds an
        image that has two names
    folds : rows that each fold holds out
    """
    if len(folds) < 2:
        return not_run(f"{len(folds)} folds.", about)
    names = np.asarray(image)
    seen = Counter(name for fold in folds for name in set(names[np.asarray(fold)].tolist()))
    n = sum(count > 1 for count in seen.values())
    return graded(
        n,
        fail=n > 0,
        threshold="0",
        sentence=f"{n} of {len(seen)} training images are in more than one of {len(folds)} folds.",
        about=about,
    )


@check("V06", "normalisation by test data", "decoder")
def normalisation(
    used: Mapping[str, tuple[Array, Array]], training: Mapping[str, Array], about: str
) -> Check:
    """Whether the means and SDs used for scaling are those of the training rows alone.

    Parameters
    ----------
    used : name -> means and SDs (n_columns,), ddof=1, used by a stage
    training : name -> (n_rows, n_columns) training rows

    Raises
    ------
    InputError
        If statistics are missing, or belong to other columns.
    """
    if not training:
        return not_run("No statistics.", about)
    differences = []
    for name, values in training.items():
        shapes = [np.shape(part) for part in used.get(name, ())]
        if shapes != [values.shape[1:]] * 2:
            raise InputError(f"means and SDs of {name}: {shapes}, expected {values.shape[1:]}")
        mean = values.mean(axis=0, dtype=np.float64)
        sd = values.std(axis=0, dtype=np.float64, ddof=1)
        unit = np.where(sd > CONSTANT * np.abs(mean), sd, np.maximum(np.abs(mean), 1))
        for found, expected in zip(used[name], (mean, sd), strict=True):
            differences.append(np.max(np.abs(found - expected) / unit))
    worst = float(np.max(differences))  # NaN if any is NaN
    return graded(
        worst,
        fail=not worst <= ROUNDING,
        threshold=f"at most {ROUNDING} SD",
        sentence=f"Means and SDs used for scaling differ by at most {worst:.2g} SD from those of "
        "the training rows alone.",
        about=about,
    )


@check("V07", "test data in tuning", "decoder")
def tuning_inputs(inputs: Sequence[str], test_sets: Sequence[str], about: str = "") -> Check:
    """Whether jobs that choose settings read features or images of a test set.

    The file of samples contains all sets, but without their features, nothing can be tuned on
    test images.

    Parameters
    ----------
    inputs : files that these jobs read
    test_sets : names of the test sets, which name their folders or files
    """
    if not inputs:
        return not_run("No job chooses settings.", about)
    bad = [
        path
        for path in inputs
        if any(part.split(".")[0] in test_sets for part in path.split("/")[-3:])
    ]
    return graded(
        len(bad),
        fail=bool(bad),
        threshold="0",
        sentence=f"{len(bad)} of {len(inputs)} files used to choose settings belong to test images"
        + (f", such as {bad[0]}." if bad else "."),
        about=about,
    )


def at_chance(
    predicted: Mapping[str, Array],
    true: Mapping[str, Array],
    *,
    n_permutations: int = 999,
    seed: int = 0,
    about: str = "",
) -> Check:
    """Whether a control is at chance in every layer, as it must be.

    Parameters
    ----------
    predicted, true : layer -> (n, n_units) features
    n_permutations, seed : settings of the permutation test; at least 200 permutations per layer
    """
    n = max(n_permutations, PERMUTATIONS_PER_LAYER * len(true))
    tests = {
        layer: permutation_test(similarity_matrix(values, predicted[layer]), n, seed)
        for layer, values in true.items()
        if len(values) >= MINIMUM_IMAGES
    }
    tests = {layer: test for layer, test in tests.items() if not math.isnan(test.p_value)}
    if not tests:
        return not_run("Too few images compete.", about)
    if len(tests) / min(test.n_permutations for test in tests.values()) > P_FAIL:
        return not_run("With so few images even a leak would not be significant.", about)
    # The lowest p value is corrected for the number of layers.
    adjusted = dict(zip(tests, holm([test.p_value for test in tests.values()]), strict=True))
    worst = min(tests, key=lambda layer: (adjusted[layer], -tests[layer].statistic))
    what = f" in layer {worst}, the worst of {len(tests)}"
    return control_score(tests[worst].statistic, adjusted[worst], about, what)


def control_score(accuracy: float, p: float, about: str = "", where: str = "") -> Check:
    """Two-way identification by a control, which must be at chance.

    Parameters
    ----------
    accuracy, p : share of pairs that are identified, and its p value
    where : such as " in layer conv1", for the sentence
    """
    if math.isnan(p):
        return not_run("Identification by the control is undefined.", about)
    return graded(
        accuracy,
        fail=p <= P_FAIL,
        warn=p <= P_WARN,
        threshold=f"chance 0.5, p above {P_FAIL}",
        sentence=f"The control identifies {accuracy:.2f} of pairs{where} (chance 0.5, "
        f"{p_words(p)}): " + ("information leaks." if p <= P_FAIL else "no leak is detected."),
        about=about,
    )


def cluster_hold_out(
    within: Mapping[str, float], held_out: Mapping[str, float], about: str = ""
) -> Check:
    """Drop of accuracy when whole clusters of images are held out.

    Parameters
    ----------
    within, held_out : layer -> mean pattern correlation, cross-validated by single images and by
        clusters of images
    """
    drops = {layer: within[layer] - held_out[layer] for layer in within}
    drops = {layer: drop for layer, drop in drops.items() if not math.isnan(drop)}
    if not drops:
        return not_run("Accuracy is undefined.", about)
    layer = max(drops, key=lambda name: drops[name])
    return graded(
        drops[layer],
        fail=max(held_out[name] for name in drops) <= 0,
        warn=drops[layer] > DROP_WARN,
        threshold=f"at most {DROP_WARN}",
        sentence=f"In layer {layer}, the worst of {len(drops)}, pattern correlation falls from "
        f"{within[layer]:.2f} to {held_out[layer]:.2f} when whole clusters of images are held out: "
        "the difference was knowledge of the cluster.",
        about=about,
    )


def effective_rank(values: Array) -> float:
    """Effective rank: exp of the entropy of the spectrum of variances (Roy and Vetterli 2007).

    Parameters
    ----------
    values : (n, n_units)

    Examples
    --------
    >>> round(effective_rank(np.eye(4)), 6)
    3.0
    """
    centred = values - values.mean(axis=0)
    variances = np.linalg.svd(centred, compute_uv=False) ** 2
    share = variances[variances > variances.max(initial=0) * 1e-10]
    if not share.size:
        return 0.0
    share = share / share.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


@check("V17", "collapse of decoded features", "decoded")
def collapse(predicted: Mapping[str, Array], true: Mapping[str, Array], about: str = "") -> Check:
    """Whether decoded features vary in as many directions as true ones, in every layer.

    Parameters
    ----------
    predicted, true : layer -> (n, n_units), of the same images
    """
    ranks = {
        layer: (effective_rank(predicted[layer]), effective_rank(values))
        for layer, values in true.items()
        if len(values) >= MINIMUM_IMAGES
        and np.ptp(values, axis=0).any()
        and np.isfinite(values).all()
        and np.isfinite(predicted[layer]).all()
    }
    if not ranks:
        return not_run("Too few different images, or features that are not finite.", about)
    layer = min(ranks, key=lambda name: ranks[name][0] / ranks[name][1])
    rank, full = ranks[layer]
    outside = outside_span(predicted[layer], true[layer])
    return graded(
        rank / full,
        fail=rank / full < RANK_FAIL,
        warn=rank / full < RANK_WARN,
        threshold=f"at least {RANK_WARN}",
        sentence=f"In layer {layer}, the worst of {len(ranks)}, decoded features have an effective "
        f"rank of {rank:.1f}, true ones of {full:.1f}; {outside:.0%} of the true variance lies "
        "outside the span of the decoded features.",
        about=about,
    )


def outside_span(predicted: Array, true: Array) -> float:
    """Share of the variance of true features that lies outside the span of decoded ones.

    Parameters
    ----------
    predicted, true : (n, n_units)

    Examples
    --------
    >>> outside_span(np.diag([1.0, 0.0]), np.diag([1.0, 1.0]))
    0.5
    """
    found = np.linalg.svd(predicted - predicted.mean(axis=0), full_matrices=False)
    used = found.Vh[found.S.max(initial=0) * 1e-5 < found.S]
    centred = true - true.mean(axis=0)
    return float(1 - ((centred @ used.T) ** 2).sum() / (centred**2).sum())


@check("V21", "samples of each stimulus", "samples")
def samples_per_stimulus(
    stimulus_id: Sequence[str], known: Sequence[str] = (), about: str = ""
) -> Check:
    """Whether all stimuli have the same number of samples.

    Parameters
    ----------
    stimulus_id : stimulus of each sample of one set
    known : all stimuli of the set, including those without a sample
    """
    counts = Counter(stimulus_id)
    if not counts:
        return not_run("No samples.", about)
    usual = Counter(counts.values()).most_common(1)[0][0]
    counts.update(dict.fromkeys(known, 0))
    odd = {name: n for name, n in counts.items() if n != usual}
    example = next(iter(odd.items()), None)
    return graded(
        len(odd),
        fail=bool(odd),
        threshold="0",
        sentence=f"{len(odd)} of {len(counts)} stimuli do not have {usual} samples"
        + (f", such as {example[0]} with {example[1]}." if example else "."),
        about=about,
    )

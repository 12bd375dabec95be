"""Checks of decoding: leaks between training and test, controls, collapse of what is decoded."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeprecon.errors import InputError
from deeprecon.stats.corrections import holm
from deeprecon.stats.correlation import similarity_matrix
from deeprecon.stats.permutation import permutation_test
from deeprecon.validity.result import Check, graded, not_run, p_words

Array = NDArray[np.floating]

ROUNDING = 1e-3  # SDs; statistics are stored in single precision
STILL = 1e-4  # SD, of the mean: a unit that varies by less varies by rounding
# A control that is fine fails one test in a hundred, and warns in one of twenty.
P_FAIL, P_WARN = 0.01, 0.05
RANK_WARN, RANK_FAIL = 0.2, 0.05  # of the true features' effective rank
DROP_WARN = 0.1  # of a correlation
FEWEST_IMAGES = 3
PERMUTATIONS_A_LAYER = 200  # so that a leak stays below P_FAIL, corrected for the number of layers


def folds_share_images(
    stimulus_id: Sequence[str], folds: Sequence[ArrayLike], about: str = ""
) -> Check:
    """V03: images of which samples are in more than one fold.

    The 120 training runs of ds001506 are five passes over the same images: folds of runs leak.

    Parameters
    ----------
    stimulus_id : of each training sample; or what tells images apart, such as their SHA-256, so
        that one under two names is found too
    folds : rows that each fold holds out
    """
    if len(folds) < 2:
        return not_run("V03", f"{len(folds)} folds.", about)
    names = np.asarray(stimulus_id)
    seen = Counter(name for fold in folds for name in set(names[np.asarray(fold)].tolist()))
    n = sum(count > 1 for count in seen.values())
    return graded(
        "V03",
        n,
        fail=n > 0,
        threshold="0",
        sentence=f"{n} of {len(seen)} training images are in more than one of {len(folds)} folds.",
        about=about,
    )


def normalisation(
    used: Mapping[str, tuple[Array, Array]], training: Mapping[str, Array], about: str
) -> Check:
    """V06: are the means and SDs that were used those of the training rows alone.

    Parameters
    ----------
    used : name -> means and SDs (n_columns,), ddof=1, that a stage used
    training : name -> (n_rows, n_columns) training rows of the same

    Raises
    ------
    InputError
        If statistics are missing, or of other columns.
    """
    if not training:
        return not_run("V06", "No statistics.", about)
    differences = []
    for name, values in training.items():
        shapes = [np.shape(part) for part in used.get(name, ())]
        if shapes != [values.shape[1:]] * 2:
            raise InputError(f"means and SDs of {name}: {shapes}, expected {values.shape[1:]}")
        mean = values.mean(axis=0, dtype=np.float64)
        sd = values.std(axis=0, dtype=np.float64, ddof=1)
        unit = np.where(sd > STILL * np.abs(mean), sd, np.maximum(np.abs(mean), 1))
        for found, expected in zip(used[name], (mean, sd), strict=True):
            differences.append(np.max(np.abs(found - expected) / unit))
    worst = float(np.max(differences))  # NaN, if one is
    return graded(
        "V06",
        worst,
        fail=not worst <= ROUNDING,
        threshold=f"at most {ROUNDING} SD",
        sentence=f"Means and SDs used for scaling differ by at most {worst:.2g} SD from those of "
        "the training rows alone.",
        about=about,
    )


def tuning_inputs(inputs: Sequence[str], test_sets: Sequence[str], about: str = "") -> Check:
    """V07: do jobs that choose settings read features or images of a test set.

    The file of samples holds all sets; without the features of test images nothing can be tuned
    on them.

    Parameters
    ----------
    inputs : files that those jobs read
    test_sets : names of test sets, which are folders or names of their files
    """
    if not inputs:
        return not_run("V07", "No job chooses settings.", about)
    bad = [
        path
        for path in inputs
        if any(part.split(".")[0] in test_sets for part in path.split("/")[-3:])
    ]
    return graded(
        "V07",
        len(bad),
        fail=bool(bad),
        threshold="0",
        sentence=f"{len(bad)} of {len(inputs)} files that settings are chosen by are of test images"
        + (f", such as {bad[0]}." if bad else "."),
        about=about,
    )


def at_chance(
    check: str,
    predicted: Mapping[str, Array],
    true: Mapping[str, Array],
    *,
    n_permutations: int = 999,
    seed: int = 0,
    about: str = "",
) -> Check:
    """V09, V10: a control that must identify no image, in any layer.

    Parameters
    ----------
    check : "V09" a later stimulus, "V10" noise
    predicted, true : layer -> (n, n_units) features
    """
    n = max(n_permutations, PERMUTATIONS_A_LAYER * len(true))
    tests = {
        layer: permutation_test(similarity_matrix(values, predicted[layer]), n, seed)
        for layer, values in true.items()
        if len(values) >= FEWEST_IMAGES
    }
    tests = {layer: test for layer, test in tests.items() if not math.isnan(test.p_value)}
    if not tests:
        return not_run(check, "Too few images compete.", about)
    if len(tests) / min(test.n_permutations for test in tests.values()) > P_FAIL:
        return not_run(check, "Of so few images even a leak would not be significant.", about)
    # The lowest of several p values, corrected for their number.
    adjusted = dict(zip(tests, holm([test.p_value for test in tests.values()]), strict=True))
    worst = min(tests, key=lambda layer: (adjusted[layer], -tests[layer].statistic))
    what = f" in layer {worst}, the worst of {len(tests)}"
    return control_score(check, tests[worst].statistic, adjusted[worst], about, what)


def control_score(check: str, accuracy: float, p: float, about: str = "", where: str = "") -> Check:
    """V08, and others: a control's two-way identification and its p value."""
    if math.isnan(p):
        return not_run(check, "Identification by the control is not defined.", about)
    return graded(
        check,
        accuracy,
        fail=p <= P_FAIL,
        warn=p <= P_WARN,
        threshold=f"chance 0.5, p above {P_FAIL}",
        sentence=f"The control identifies {accuracy:.2f} of pairs{where} (chance 0.5, "
        f"{p_words(p)}): " + ("information leaks." if p <= P_FAIL else "nothing leaks to be seen."),
        about=about,
    )


def cluster_hold_out(
    within: Mapping[str, float], held_out: Mapping[str, float], about: str = ""
) -> Check:
    """V16: accuracy on images of clusters that decoders were trained on, and were not.

    Parameters
    ----------
    within, held_out : layer -> mean pattern correlation in cross-validation by single images, and
        by clusters of images
    """
    drops = {layer: within[layer] - held_out[layer] for layer in within}
    drops = {layer: drop for layer, drop in drops.items() if not math.isnan(drop)}
    if not drops:
        return not_run("V16", "Accuracy is not defined.", about)
    layer = max(drops, key=lambda name: drops[name])
    return graded(
        "V16",
        drops[layer],
        fail=max(held_out[name] for name in drops) <= 0,
        warn=drops[layer] > DROP_WARN,
        threshold=f"at most {DROP_WARN}",
        sentence=f"In layer {layer}, the worst of {len(drops)}, pattern correlation falls from "
        f"{within[layer]:.2f} to {held_out[layer]:.2f} when whole clusters of images are held out: "
        "so much of it was knowledge of the cluster.",
        about=about,
    )


def effective_rank(values: Array) -> float:
    """Exp of the entropy of the spectrum of variances (Roy and Vetterli 2007).

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


def collapse(predicted: Mapping[str, Array], true: Mapping[str, Array], about: str = "") -> Check:
    """V17: do decoded features vary in as many directions as true ones, in every layer.

    Parameters
    ----------
    predicted, true : layer -> (n, n_units), of the same images
    """
    ranks = {
        layer: (effective_rank(predicted[layer]), effective_rank(values))
        for layer, values in true.items()
        if len(values) >= FEWEST_IMAGES
        and np.ptp(values, axis=0).any()
        and np.isfinite(values).all()
        and np.isfinite(predicted[layer]).all()
    }
    if not ranks:
        return not_run("V17", "Too few images that differ, or features that are not finite.", about)
    layer = min(ranks, key=lambda name: ranks[name][0] / ranks[name][1])
    rank, full = ranks[layer]
    outside = outside_span(predicted[layer], true[layer])
    return graded(
        "V17",
        rank / full,
        fail=rank / full < RANK_FAIL,
        warn=rank / full < RANK_WARN,
        threshold=f"at least {RANK_WARN}",
        sentence=f"In layer {layer}, the worst of {len(ranks)}, decoded features have an effective "
        f"rank of {rank:.1f}, true ones {full:.1f}; {outside:.0%} of the true variance lies "
        "outside the span of what was decoded.",
        about=about,
    )


def outside_span(predicted: Array, true: Array) -> float:
    """Share of the variance of true features (n, n_units) in no direction of the decoded ones.

    Examples
    --------
    >>> outside_span(np.diag([1.0, 0.0]), np.diag([1.0, 1.0]))
    0.5
    """
    found = np.linalg.svd(predicted - predicted.mean(axis=0), full_matrices=False)
    used = found.Vh[found.S.max(initial=0) * 1e-5 < found.S]
    centred = true - true.mean(axis=0)
    return float(1 - ((centred @ used.T) ** 2).sum() / (centred**2).sum())


def samples_per_stimulus(
    stimulus_id: Sequence[str], known: Sequence[str] = (), about: str = ""
) -> Check:
    """V21: does every stimulus have as many samples as the others.

    Parameters
    ----------
    stimulus_id : of each sample of one set
    known : stimuli of the set, one of which may have no sample
    """
    counts = Counter(stimulus_id)
    if not counts:
        return not_run("V21", "No samples.", about)
    usual = Counter(counts.values()).most_common(1)[0][0]
    counts.update(dict.fromkeys(known, 0))
    odd = {name: n for name, n in counts.items() if n != usual}
    example = next(iter(odd.items()), None)
    return graded(
        "V21",
        len(odd),
        fail=bool(odd),
        threshold="0",
        sentence=f"{len(odd)} of {len(counts)} stimuli have not {usual} samples"
        + (f", such as {example[0]} with {example[1]}." if example else "."),
        about=about,
    )

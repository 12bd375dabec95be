"""Decoding accuracy by number of repetitions, and noise ceilings."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from deeprecon.decode.layer import divisor, repetition
from deeprecon.decode.scores import identification_rank
from deeprecon.decode.validate import score_layer
from deeprecon.stats.correlation import noise_ceiling

Array = NDArray[np.floating]


def stack_repetitions(values: Array, stimulus_id: Sequence[str]) -> tuple[Array, list[str]]:
    """Arrange rows of single samples in an array with an axis of repetitions.

    Parameters
    ----------
    values : (n_samples, n_columns)
        Voxel values, or features decoded from single samples.
    stimulus_id : n_samples strings
        Stimulus of each row, in order of presentation.

    Returns
    -------
    stacked : (n_repetitions, n_stimuli, n_columns)
        The number of repetitions is the minimum over stimuli; later repetitions are left out.
    stimulus_id : list of n_stimuli strings
    """
    stimuli = list(dict.fromkeys(stimulus_id))
    names, count = np.asarray(stimulus_id), repetition(stimulus_id)
    n = min(int((names == name).sum()) for name in stimuli)
    row = {(name, int(k)): i for i, (name, k) in enumerate(zip(stimulus_id, count, strict=True))}
    rows = [[row[name, k] for name in stimuli] for k in range(1, n + 1)]
    return values[rows], stimuli


def repetition_counts(n: int, also: int) -> list[int]:
    """Numbers of repetitions for which to compute accuracy: powers of 2, n, and `also`.

    Examples
    --------
    >>> repetition_counts(24, also=5)
    [1, 2, 4, 5, 8, 16, 24]
    """
    return sorted({*(2**i for i in range(n.bit_length())), n, also})


def averages(stacked: Array, n: int) -> Iterator[Array]:
    """Averages (n_stimuli, n_columns) of disjoint groups of n repetitions."""
    for start in range(0, len(stacked) - n + 1, n):
        yield stacked[start : start + n].mean(axis=0)


def repeat_correlation(stacked: Array) -> NDArray[np.float64]:
    """Correlation over stimuli between two repetitions, averaged over all pairs: (n_columns,).

    Parameters
    ----------
    stacked : (n_repetitions, n_stimuli, n_columns)

    Returns
    -------
    NaN for a column that is constant in a repetition, and if there is only one repetition.

    Examples
    --------
    >>> same = np.array([[[1.0], [2.0], [4.0]], [[1.0], [2.0], [4.0]]])
    >>> repeat_correlation(same)
    array([1.])
    """
    n_repetitions, n_stimuli, n_columns = stacked.shape
    if n_repetitions < 2:
        return np.full(n_columns, np.nan)
    z = stacked - stacked.mean(axis=1, keepdims=True, dtype=np.float64)
    sd = z.std(axis=1, keepdims=True)
    constant = (stacked == stacked[:, :1]).all(axis=1).any(axis=0)
    z /= divisor(sd)
    # The sum of products over pairs is the square of the sum minus the sum of squares.
    pairs = (z.sum(axis=0) ** 2).sum(axis=0) - (z**2).sum(axis=(0, 1))
    r = pairs / (n_stimuli * n_repetitions * (n_repetitions - 1))
    return np.where(constant, np.nan, r)


def voxel_reliability(X: Array, stimulus_id: Sequence[str]) -> list[dict[str, object]]:
    """Reliability of the voxels' responses to repeated stimuli of a set.

    Parameters
    ----------
    X : (n_samples, n_voxels), standardised by the training samples
    stimulus_id : n_samples strings

    Returns
    -------
    list of rows
        `measure`: profile (a voxel over stimuli, mean over voxels) or pattern (a stimulus over
        voxels, mean over stimuli); n_repetitions; the mean `correlation` between two
        repetitions; the noise ceilings of a single sample and of the average of all samples.
    """
    stacked, _ = stack_repetitions(X, stimulus_id)
    n = len(stacked)
    rows: list[dict[str, object]] = []
    for measure, values in (("profile", stacked), ("pattern", np.swapaxes(stacked, 1, 2))):
        r = repeat_correlation(values)
        row: dict[str, object] = {"measure": measure, "n_repetitions": n, "correlation": _mean(r)}
        ceilings = {"ceiling_single": noise_ceiling(r, 1), "ceiling_average": noise_ceiling(r, n)}
        rows.append(row | {name: _mean(values) for name, values in ceilings.items()})
    return rows


def accuracy_by_repetitions(
    stacked: Array, true: Array, mean: Array, sd: Array, training: Array, used: str | int = "all"
) -> list[dict[str, object]]:
    """Scores of a layer when 1, 2, 4, 8 ... test samples of each stimulus are averaged.

    Decoders are linear, and test samples are only averaged and scaled. So averaging the features
    decoded from single samples is the same as decoding the averaged sample.

    Parameters
    ----------
    stacked : (n_repetitions, n_stimuli, n_units)
        Features decoded from single samples.
    true : (n_stimuli, n_units)
    mean, sd : (n_units,) mean and SD of the training features
    training : (n_training_stimuli, n_units)
        Features of the training images, which are further candidates for identification.
    used : "all", a number, or "single"
        Number of samples that the study averages.

    Returns
    -------
    list of rows
        n_repetitions, `used` (whether the study uses this number), n_subsets (number of disjoint
        averages over which `value` is the mean), metric, value, and for correlations the noise
        `ceiling`, otherwise NaN.
    """
    scaled = (stacked - mean) / divisor(sd)
    between = {
        "profile_correlation": repeat_correlation(stacked),
        "pattern_correlation": repeat_correlation(np.swapaxes(scaled, 1, 2)),
    }
    rows: list[dict[str, object]] = []
    n_used = len(stacked) if used == "all" else 1 if used == "single" else int(used)
    for n in repetition_counts(len(stacked), also=n_used):
        parts = [
            {
                **score_layer(predicted, true, mean, sd).means(),
                **_among_all(predicted, true, training),
            }
            for predicted in averages(stacked, n)
        ]
        for metric in parts[0]:
            row = {"n_repetitions": n, "used": n == n_used, "n_subsets": len(parts)}
            value = float(np.mean([part[metric] for part in parts]))
            ceiling = _mean(noise_ceiling(between.get(metric, np.full(1, np.nan)), n))
            rows.append({**row, "metric": metric, "value": value, "ceiling": ceiling})
    return rows


def _among_all(predicted: Array, true: Array, training: Array) -> dict[str, float]:
    """Identification of each stimulus among all test and training images."""
    n = len(true) + len(training)
    rank = identification_rank(predicted, np.concatenate([true, training]), np.arange(len(true)))
    return {
        "identification_among_all": float(((n - rank) / (n - 1)).mean()),
        "top1_among_all": float((rank == 1).mean()),
        "top10_among_all": float((rank <= 10).mean()),
    }


def _mean(values: Array) -> float:
    """Mean of the values that are defined; NaN if none is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")

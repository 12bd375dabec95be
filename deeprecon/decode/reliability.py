"""What repetitions tell: accuracy against their number, and how good it could be at best."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from deeprecon.decode.layer import divisor, repetition
from deeprecon.decode.scores import identification_rank
from deeprecon.decode.validate import score_layer
from deeprecon.stats.correlation import noise_ceiling

Array = NDArray[np.floating]


def stack_repetitions(values: Array, stimulus_id: Sequence[str]) -> tuple[Array, list[str]]:
    """Rows of single samples as an array with an axis of repetitions.

    Parameters
    ----------
    values : (n_samples, n_columns)
        Voxels, or features decoded from single samples.
    stimulus_id : n_samples strings
        Stimulus of each row, in order of presentation.

    Returns
    -------
    stacked : (n_repetitions, n_stimuli, n_columns)
        As many repetitions as the stimulus with the fewest has; later ones are left out.
    stimulus_id : list of n_stimuli strings
    """
    stimuli = list(dict.fromkeys(stimulus_id))
    names, count = np.asarray(stimulus_id), repetition(stimulus_id)
    n = min(int((names == name).sum()) for name in stimuli)
    row = {(name, int(k)): i for i, (name, k) in enumerate(zip(stimulus_id, count, strict=True))}
    rows = [[row[name, k] for name in stimuli] for k in range(1, n + 1)]
    return values[rows], stimuli


def repetition_counts(n: int, also: int) -> list[int]:
    """1, 2, 4, 8 ... and n, and another: for how many repetitions accuracy is worked out.

    Examples
    --------
    >>> repetition_counts(24, also=5)
    [1, 2, 4, 5, 8, 16, 24]
    """
    return sorted({*(2**i for i in range(n.bit_length())), n, also})


def averages(stacked: Array, n: int) -> Iterator[Array]:
    """Averages of n repetitions each, no repetition in two of them: (n_stimuli, n_columns)."""
    for start in range(0, len(stacked) - n + 1, n):
        yield stacked[start : start + n].mean(axis=0)


def repeat_correlation(stacked: Array) -> NDArray[np.float64]:
    """Mean correlation over stimuli between two repetitions, over all pairs: (n_columns,).

    Parameters
    ----------
    stacked : (n_repetitions, n_stimuli, n_columns)

    Returns
    -------
    NaN for a column that is constant in some repetition, and where there is but one.

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
    # The sum over pairs of products is the square of the sum less the sum of squares.
    pairs = (z.sum(axis=0) ** 2).sum(axis=0) - (z**2).sum(axis=(0, 1))
    r = pairs / (n_stimuli * n_repetitions * (n_repetitions - 1))
    return np.where(constant, np.nan, r)


def voxel_reliability(X: Array, stimulus_id: Sequence[str]) -> list[dict[str, object]]:
    """How alike the voxels answer to the repetitions of a set's stimuli.

    Parameters
    ----------
    X : (n_samples, n_voxels), standardised by the training samples
    stimulus_id : n_samples strings

    Returns
    -------
    list of rows
        `measure`: profile (of a voxel over stimuli, mean over voxels) or pattern (of a stimulus
        over voxels, mean over stimuli); n_repetitions; the mean `correlation` between two of
        them; the noise ceilings of a single sample and of the average of all.
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

    Decoders are linear and test samples only averaged and scaled, so that averaging what is
    decoded from single samples is the same as decoding their average.

    Parameters
    ----------
    stacked : (n_repetitions, n_stimuli, n_units)
        Decoded from single samples.
    true : (n_stimuli, n_units)
    mean, sd : (n_units,) of the training features
    training : (n_training_stimuli, n_units)
        Features of the training images, which identification must tell apart too.
    used : "all", a number, or "single"
        Samples that the study averages.

    Returns
    -------
    list of rows
        n_repetitions, whether these are `used`, n_subsets (averages of different repetitions,
        over which `value` is the mean), metric, value, and `ceiling` of the correlations, NaN
        where there is none.
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
    """Identification of each stimulus among all test and all training images."""
    n = len(true) + len(training)
    rank = identification_rank(predicted, np.concatenate([true, training]), np.arange(len(true)))
    return {
        "identification_among_all": float(((n - rank) / (n - 1)).mean()),
        "top1_among_all": float((rank == 1).mean()),
        "top10_among_all": float((rank <= 10).mean()),
    }


def _mean(values: Array) -> float:
    """Mean of the values that are defined; NaN if none is, as with one repetition."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")

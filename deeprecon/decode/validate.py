"""Accuracy on held-out training images, by which settings are chosen.

Test data are not used, so these accuracies may also weight the layers of a reconstruction.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deeprecon.decode.layer import LayerDecoder, Model, TrainingVoxels, average_trials
from deeprecon.decode.scores import (
    pairwise_identification,
    pattern_correlation,
    profile_correlation,
)
from deeprecon.features.sampled import SampledUnits

Array = NDArray[np.floating]


class Scores(NamedTuple):
    """Scores of a layer; NaN where a score is not defined, such as for a constant unit.

    Attributes
    ----------
    profile_correlation : (*unit_shape)
    pattern_correlation, pairwise_identification : (n_stimuli,)
    """

    profile_correlation: NDArray[np.float64]
    pattern_correlation: NDArray[np.float64]
    pairwise_identification: NDArray[np.float64]

    def means(self) -> dict[str, float]:
        """Mean of the defined values of each score; NaN if there are none."""
        defined = {name: v[~np.isnan(v)] for name, v in self._asdict().items()}
        return {name: float(v.mean()) if v.size else float("nan") for name, v in defined.items()}


def score_layer(
    predicted: Array,
    true: Array,
    mean: Array,
    sd: Array,
    stimulus_id: Sequence[str] | None = None,
) -> Scores:
    """All scores of a layer.

    Parameters
    ----------
    predicted, true : (n_stimuli, *unit_shape)
    mean, sd : (*unit_shape) mean and SD of the training features
    stimulus_id : n_stimuli strings, if stimuli are repeated
    """
    return Scores(
        profile_correlation(predicted, true),
        pattern_correlation(predicted, true, mean, sd),
        pairwise_identification(predicted, true, stimulus_id),
    )


def decode_held_out(
    X: Array,
    stimulus_id: Sequence[str],
    sampled: SampledUnits,
    folds: Sequence[set[str]],
    models: Sequence[Model],
    n_jobs: int | None = None,
) -> tuple[list[str], list[dict[str, Array]]]:
    """Decode every training image with decoders that were trained without its fold.

    Parameters
    ----------
    X : (n_samples, n_voxels)
    stimulus_id : image of each sample
    sampled : features of some units of each layer
    folds : images of each fold
    models : decoders, such as `TopKRidge`, with different settings
    n_jobs : threads that share the units

    Returns
    -------
    images : decoded images, in order of folds
    predicted : for each model, layer -> (n_images, n_units)
    """
    samples, order = np.asarray(stimulus_id), []
    parts: list[dict[str, list[Array]]] = [{key: [] for key in sampled.features} for _ in models]
    for fold in folds:
        held_out = np.isin(samples, sorted(fold))
        test, images = average_trials(X[held_out], samples[held_out].tolist())
        order += images
        training = TrainingVoxels.of(X[~held_out], samples[~held_out].tolist())
        for model, part in zip(models, parts, strict=True):
            decoder = LayerDecoder(training, model, n_jobs)
            for layer, features in sampled.features.items():
                units, known = sampled.units[layer], sampled.stimulus_id
                part[layer].append(decoder.decode(features, known, test, units))
    return order, [{key: np.concatenate(v) for key, v in part.items()} for part in parts]


def cross_validate(
    X: Array,
    stimulus_id: Sequence[str],
    sampled: SampledUnits,
    folds: Sequence[set[str]],
    models: Sequence[Model],
    n_jobs: int | None = None,
) -> list[dict[str, Scores]]:
    """Scores of held-out training images: for each model, layer -> Scores.

    Parameters are those of `decode_held_out`. Patterns are z-scored over all training images.
    """
    images, predicted = decode_held_out(X, stimulus_id, sampled, folds, models, n_jobs)
    row = {name: i for i, name in enumerate(sampled.stimulus_id)}
    rows = [row[name] for name in images]
    scores: list[dict[str, Scores]] = []
    for by_layer in predicted:
        scores.append({})
        for layer, values in by_layer.items():
            true = sampled.features[layer][rows]
            sd = np.where((true == true[0]).all(axis=0), 0, true.std(axis=0, ddof=1))
            scores[-1][layer] = score_layer(values, true, true.mean(axis=0), sd)
    return scores

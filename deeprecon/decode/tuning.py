"""Cross-validation of a decoder in one region."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from deeprecon.data.bdata import read_bdata
from deeprecon.decode.folds import folds_of, training_groups
from deeprecon.decode.models import build, candidates
from deeprecon.decode.stream import permuted
from deeprecon.decode.tables import validation_table
from deeprecon.decode.validate import cross_validate
from deeprecon.errors import about
from deeprecon.features.sampled import SampledUnits

Path = str | os.PathLike[str]


def cross_validate_region(
    samples_file: Path,
    roi: str,
    sampled: SampledUnits,
    stimuli: pd.DataFrame,
    model: Mapping[str, Any],
    *,
    n_folds: int,
    hold_out: str,
    seed: int,
    keys: Mapping[str, str],
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Accuracy of each candidate of a decoder on held-out training images.

    Parameters
    ----------
    samples_file : BData file with the samples of all stimulus sets
    roi : name of the region
    sampled : training features of some units of each layer
    stimuli : table of the training stimuli
    model : settings of the decoder
    n_folds, seed : see `deeprecon.decode.folds.folds_of`
    hold_out : see `deeprecon.decode.folds.training_groups`
    keys : first columns of the table
    n_jobs : threads that share the units

    Returns
    -------
    DataFrame
        See `deeprecon.decode.tables.validation_table`.

    Raises
    ------
    InputError
        If the region has too few voxels, a sample is not finite or there are too few groups.
    """
    samples = read_bdata(samples_file)
    rows = np.array(samples.labels("stimulus_set")) == "train"
    X = samples.select(f"ROI_{roi}")[rows].astype(np.float32)
    shown = np.array(samples.labels("stimulus_id"))[rows].tolist()
    folds = folds_of(training_groups(samples, stimuli, hold_out), n_folds, seed)
    if model["permute_labels"]:
        sampled = replace(sampled, stimulus_id=permuted(sampled.stimulus_id, seed))
    settings = candidates(model, X.shape[1])
    models = [build(each) for each in settings]
    with about(samples_file):
        scores = cross_validate(X, shown, sampled, folds, models, n_jobs)
    return validation_table(settings, scores, keys)

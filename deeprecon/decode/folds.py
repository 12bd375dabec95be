"""Folds of training images for cross-validation.

Folds consist of groups of images, never of runs: where images are repeated in several runs, a
decoder that is trained without one run has still seen its images. The 120 training runs of ds001506
are five passes over the same 24 sets of images.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from deeprecon.data.bdata import BData
from deeprecon.data.stimuli import category_groups
from deeprecon.errors import InputError


def image_sets(stimulus_id: Sequence[str], run: Sequence[str]) -> dict[str, str]:
    """Group of each image; runs that share an image put all their images into one group.

    Examples
    --------
    >>> image_sets(["a", "b", "c", "b", "a", "d", "c"], ["1", "1", "2", "3", "3", "4", "4"])
    {'a': 'set 1', 'b': 'set 1', 'c': 'set 2', 'd': 'set 2'}
    """
    runs, of_run = np.unique(run, return_inverse=True)
    images, of_image = np.unique(stimulus_id, return_inverse=True)
    n = len(runs) + len(images)
    shown = coo_array((np.ones(len(run)), (of_run, len(runs) + of_image)), shape=(n, n))
    group = connected_components(shown, directed=False)[1]
    return {str(i): f"set {group[len(runs) + k] + 1}" for k, i in enumerate(images)}


def training_groups(samples: BData, stimuli: pd.DataFrame, hold_out: str) -> dict[str, str]:
    """Group of each training image: images of one group are held out together.

    Parameters
    ----------
    samples : samples of all stimulus sets
    stimuli : table of the training stimuli, as `deeprecon.data.stimuli.read_stimuli` returns it
    hold_out : "category" of images, or "image_set" for images whose runs share images

    Returns
    -------
    dict
        stimulus_id -> group, for the images that were shown, in order of first appearance.

    Raises
    ------
    InputError
        If an image that was shown is not in the table.
    """
    rows = np.array(samples.labels("stimulus_set")) == "train"
    shown = np.array(samples.labels("stimulus_id"))[rows].tolist()
    if hold_out == "category":
        groups = category_groups(stimuli)
    else:
        runs = np.column_stack([samples.get("Session"), samples.get("Run")])[rows]
        groups = image_sets(shown, [str(run) for run in runs.tolist()])
    missing = [name for name in dict.fromkeys(shown) if name not in groups]
    if missing:
        raise InputError(
            f"stimuli: no row for {len(missing)} training stimuli that were shown, "
            f"such as {missing[0]!r}"
        )
    return {name: groups[name] for name in shown}


def training_folds(
    stimulus_id: Sequence[str], groups: Mapping[str, str], n_folds: int, seed: int
) -> list[NDArray[np.intp]]:
    """Rows that each fold holds out.

    Parameters
    ----------
    stimulus_id : image of each row
    groups : image -> group, from `training_groups`
    n_folds, seed : see `folds_of`
    """
    folds = folds_of({name: groups[name] for name in stimulus_id}, n_folds, seed)
    return [np.flatnonzero(np.isin(stimulus_id, sorted(fold))) for fold in folds]


def folds_of(groups: Mapping[str, str], n_folds: int, seed: int) -> list[set[str]]:
    """Images of each fold; no group of images is divided between folds.

    Parameters
    ----------
    groups : image -> group
    n_folds : number of folds
    seed : seed of the random order of the groups

    Raises
    ------
    InputError
        If there are fewer groups than folds.
    """
    names = sorted(set(groups.values()))
    if len(names) < n_folds:
        raise InputError(f"{len(names)} groups of training images, expected {n_folds} or more")
    shuffled = np.random.default_rng(seed).permutation(np.array(names))
    parts = [set(part) for part in np.array_split(shuffled, n_folds)]
    return [{image for image, group in groups.items() if group in part} for part in parts]

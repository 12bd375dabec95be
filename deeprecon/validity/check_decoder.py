"""Checks of one decoder in one region of one subject, and of what it decoded."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Imported to register its checks.
import deeprecon.validity.decoding  # noqa: F401
from deeprecon.data.bdata import read_bdata
from deeprecon.data.stimuli import read_stimuli
from deeprecon.decode.folds import training_folds, training_groups
from deeprecon.decode.region import Region
from deeprecon.evaluate.units import take_units
from deeprecon.features.sampled import SampledUnits, read_sampled
from deeprecon.features.statistics import read_statistics
from deeprecon.features.store import read_features
from deeprecon.validity.registry import run_checks
from deeprecon.validity.result import Check

Array = NDArray[np.floating]
Moments = dict[str, tuple[Array, Array]]


def check_decoder(
    samples: str,
    region: str,
    stimuli: str,
    statistics: str,
    sampled: str,
    tests: Mapping[str, str],
    decoded: Mapping[tuple[str, str], str],
    *,
    keys: Mapping[str, str],
    layers: Sequence[str],
    tuning: Sequence[str],
    n_folds: int,
    hold_out: str,
    seed: int,
) -> list[Check]:
    """Run all checks of a decoder, of its samples, and of the features that it decoded.

    Parameters
    ----------
    samples, region, stimuli, statistics, sampled : files with all samples, the region's voxels, the
        training stimuli, the statistics of the training features, and their sampled units
    tests : test set -> file of its sampled features
    decoded : (test set, layer) -> file of decoded features
    keys : subject, roi and decoder
    layers : layers of the features
    tuning : files read by jobs that choose settings
    n_folds, hold_out, seed : settings of the cross-validation, see `training_folds`
    """
    data, known = read_bdata(samples), read_sampled(sampled, layers)
    ids, sets = (np.array(data.labels(name)) for name in ("stimulus_id", "stimulus_set"))
    train = sets == "train"
    shown, table = ids[train].tolist(), read_stimuli(stimuli)
    rows = training_folds(shown, training_groups(data, table, hold_out), n_folds, seed)
    sha256 = dict(zip(table["stimulus_id"], table["sha256"], strict=True))
    voxels = data.select(f"ROI_{keys['roi']}")[train]
    of_decoder: dict[str, Any] = {
        "image": [sha256[name] for name in shown],
        "folds": rows,
        "used": _used(region, statistics, known),
        "training": known.features | {"voxels": voxels},
        "inputs": tuning,
        "test_sets": list(tests),
    }
    checks = run_checks("decoder", keys, of_decoder)
    checks += _of_samples(keys, "train", shown, known)
    for name, path in tests.items():
        true = read_sampled(path, [layer for layer in layers if (name, layer) in decoded])
        found = {
            layer: take_units(read_features(decoded[name, layer], true.stimulus_id)[0], units)
            for layer, units in true.units.items()
        }
        given = {"predicted": found, "true": true.features}
        checks += run_checks("decoded", {**keys, "set": name}, given)
        checks += _of_samples(keys, name, ids[sets == name].tolist(), true)
    return checks


def _of_samples(
    keys: Mapping[str, str], stimulus_set: str, shown: Sequence[str], known: SampledUnits
) -> list[Check]:
    """Checks of the samples of one set."""
    given = {"stimulus_id": shown, "known": known.stimulus_id}
    return run_checks("samples", {"subject": keys["subject"], "set": stimulus_set}, given)


def _used(region: str, statistics: str, sampled: SampledUnits) -> Moments:
    """Means and SDs with which voxels and features are standardised."""
    training, whole = Region.load(region).training, read_statistics(statistics)
    used: Moments = {"voxels": (training.x_mean, training.x_sd)}
    for layer, units in sampled.units.items():
        mean, sd = (
            take_units(part[None], units)[0] for part in (whole[layer].mean, whole[layer].sd)
        )
        used[layer] = (mean, sd)
    return used

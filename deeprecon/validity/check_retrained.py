"""Checks that retrain a decoder in one region of one subject."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deeprecon.data.bdata import read_bdata
from deeprecon.decode.layer import Model
from deeprecon.features.sampled import read_sampled
from deeprecon.validity.registry import run_checks
from deeprecon.validity.result import Check
from deeprecon.validity.retrain import Samples


def check_retrained(
    samples: str,
    sampled: str,
    tests: Mapping[str, str],
    model: Model,
    *,
    keys: Mapping[str, str],
    layers: Sequence[str],
    seed: int,
) -> list[Check]:
    """Run all checks that retrain a decoder.

    Parameters
    ----------
    samples, sampled : files with all samples, and with the sampled features of the training images
    tests : test set -> file of its sampled features
    model : decoder, such as `TopKRidge`
    keys : subject, roi and decoder
    layers : layers of the features
    seed : seed of noise, clusters, folds and tests
    """
    data, known = read_bdata(samples), read_sampled(sampled, layers)
    voxels = data.select(f"ROI_{keys['roi']}").astype(np.float32)
    ids, sets = data.labels("stimulus_id"), np.array(data.labels("stimulus_set"))
    run = [str(row) for row in np.column_stack([data.get("Session"), data.get("Run")]).tolist()]
    train = sets == "train"
    shared: dict[str, Any] = {"sampled": known, "model": model, "seed": seed}
    shown = np.array(ids)[train].tolist()
    checks = run_checks("retrained", keys, {**shared, "X": voxels[train], "stimulus_id": shown})
    for name, path in tests.items():
        part = Samples(voxels, ids, run, train, sets == name)
        given = {**shared, "samples": part, "true": read_sampled(path, layers)}
        checks += run_checks("controls", {**keys, "set": name}, given)
    return checks

"""Checks of the stimuli of every test set."""

from collections.abc import Mapping, Sequence
from typing import Any

# Imported to register its checks.
import deeprecon.validity.stimuli  # noqa: F401
from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.features.sampled import read_sampled
from deeprecon.validity.registry import run_checks
from deeprecon.validity.result import Check


def check_stimuli_of(
    sets: Mapping[str, tuple[str, str]],
    training: str,
    sampled: str,
    *,
    layers: Sequence[str],
    image: Mapping[str, Any],
    imagined: Sequence[str] = (),
    seed: int = 0,
) -> list[Check]:
    """Run all checks of the stimuli of test sets.

    Parameters
    ----------
    sets : test set -> files of its stimulus table and of its sampled features
    training, sampled : the same files of the training set
    layers : layers of the features; the last one is nearest to the output
    image : size and resampling of the images, see `load_images`
    imagined : sets of imagery whose labels are those of ds001506
    seed : seed of random checks
    """
    known = {
        f"training_{name}": value
        for name, value in _described(training, sampled, layers, image).items()
    }
    checks: list[Check] = []
    for name, (table, features) in sets.items():
        given = {**known, **_described(table, features, layers, image), "seed": seed}
        given["imagery_id"] = given["stimulus_id"] if name in imagined else None
        checks += run_checks("stimuli", {"set": name}, given)
    return checks


def _described(
    table: str, features: str, layers: Sequence[str], image: Mapping[str, Any]
) -> dict[str, Any]:
    """The data about one set that checks can use."""
    stimuli = read_stimuli(table)
    sampled = read_sampled(features, layers)
    return {
        "stimulus_id": list(stimuli["stimulus_id"]),
        "images": load_images(stimuli, **image),
        "sha256": list(stimuli["sha256"]),
        "categories": list(stimuli.get("category", [])),
        "features": sampled.features,
        "last_layer": sampled.features[layers[-1]],
    }

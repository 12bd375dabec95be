"""All checks of a study: of its parts, of its scores, and those that were not run."""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

# Imported to register their checks, like `decoding` and `images`.
import deeprecon.validity.identification
import deeprecon.validity.retrain
import deeprecon.validity.stimuli  # noqa: F401
from deeprecon.evaluate.table import KEYS, RECONSTRUCTION
from deeprecon.validity.decoding import control_score
from deeprecon.validity.images import stability
from deeprecon.validity.registry import CHECKS, NOTHING, CheckEntry, check, run_checks
from deeprecon.validity.result import Check, not_run


def gathered(
    found: Sequence[Check],
    scores: pd.DataFrame,
    images: pd.DataFrame,
    *,
    control: str | None,
    retrained: bool,
) -> list[Check]:
    """Every registered check, sorted by id; a check that was run nowhere has a row with the reason.

    Parameters
    ----------
    found : checks of single parts of the study
    scores, images : tables of `evaluate.table`
    control : name of the control method with permuted labels, if there is one
    retrained : whether decoders were retrained
    """
    # Jobs of one subject check the same samples, and jobs of one method the same originals.
    # Checks are compared as text, because NaN, the value of a check that was not run, does not
    # equal itself.
    checks = list({(c.id, c.about, c.status, c.sentence): c for c in found}.values())
    known = {"scores": scores, "images": images, "control": control}
    checks += run_checks("study", {}, known)
    run = {one.id for one in checks}
    checks += [_absent(entry, retrained) for entry in CHECKS.values() if entry.id not in run]
    return sorted(checks, key=lambda one: one.id)


def _absent(entry: CheckEntry, retrained: bool) -> Check:
    """Make the row of a check that was run nowhere."""
    asked = retrained and entry.part in ("retrained", "controls")
    return replace(not_run(NOTHING if asked else entry.absent), id=entry.id, title=entry.title)


@check(
    "V08",
    "decoders trained on permuted labels",
    "study",
    absent="No control: name one as evaluate.permuted_control.",
)
def permuted_labels(scores: pd.DataFrame, control: str) -> list[Check]:
    """Pixel identification by the control's reconstructions.

    Parameters
    ----------
    scores : table of `evaluate.table`
    control : name of the control method
    """
    rows = scores[
        (scores["method"] == control)
        & (scores["condition"] == RECONSTRUCTION)
        & (scores["metric"] == "pixel_identification")
        & (scores["direction"] == "recon")
    ]
    return [
        control_score(float(row["value"]), float(row["p"]), _about(row))
        for row in rows.to_dict("records")
    ]


def _about(row: Mapping[Hashable, Any]) -> str:
    """Subject, region, method and set of a row."""
    return ", ".join(str(row[key]) for key in KEYS)


@check("V20", "stability over seeds", "study", absent="No method has several seeds.")
def over_seeds(images: pd.DataFrame) -> list[Check]:
    """Pixel correlation of methods that differ only in their seed.

    Parameters
    ----------
    images : table `IMAGE_COLUMNS` of `evaluate.table`
    """
    rows = images[images["metric"] == "pixel_correlation"]
    family = rows["method"].map(lambda name: re.sub(r"_seed\d+$", "", name))
    rows = rows.assign(family=family)[family != rows["method"]]
    checks = []
    for key, part in rows.groupby(["subject", "roi", "family", "set"], sort=False):
        wide = part.pivot_table(values="value", index="method", columns="stimulus_id")
        checks.append(stability(wide.to_numpy(np.float64), ", ".join(map(str, key))))
    return checks

"""All checks of a study: of its parts, of its scores, and those that were not run."""

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from deeprecon.evaluate.table import KEYS, RECONSTRUCTION
from deeprecon.validity.decoding import control_score
from deeprecon.validity.images import stability
from deeprecon.validity.result import TITLES, Check, not_run

RETRAINED = ("V09", "V10", "V16")


def gathered(
    found: Sequence[Check],
    scores: pd.DataFrame,
    images: pd.DataFrame,
    *,
    floor: str | None,
    retrained: bool,
) -> list[Check]:
    """Every check of the list, if only to say that it was not run.

    Parameters
    ----------
    found : of single parts
    scores, images : tables of `evaluate.table`
    floor : the control method, if there is one
    retrained : whether decoders were trained anew
    """
    # Several jobs of a subject look at the same samples, or of a method at the same originals.
    # By their words: NaN, the value of what was not run, is not equal to itself.
    checks = list({(c.id, c.about, c.status, c.sentence): c for c in found}.values())
    checks += permuted_labels(scores, floor) + over_seeds(images)
    run = {check.id for check in checks}
    for check in TITLES:
        if check in run:
            continue
        if check in RETRAINED and not retrained:
            checks.append(not_run(check, "On request: evaluate.retrain."))
        elif check == "V08":
            checks.append(not_run(check, "No control: name one as evaluate.floor."))
        elif check == "V20":
            checks.append(not_run(check, "No method has several seeds."))
        else:
            checks.append(not_run(check, "Nothing in this study that it applies to."))
    return sorted(checks, key=lambda check: check.id)


def permuted_labels(scores: pd.DataFrame, floor: str | None) -> list[Check]:
    """V08: pixel identification of the control's reconstructions."""
    rows = scores[
        (scores["method"] == floor)
        & (scores["pictures"] == RECONSTRUCTION)
        & (scores["metric"] == "pixel_identification")
        & (scores["direction"] == "recon")
    ]
    return [
        control_score("V08", float(row["value"]), float(row["p"]), _place(row))
        for row in rows.to_dict("records")
    ]


def _place(row: Mapping[Hashable, Any]) -> str:
    """Subject, region, method and set of a row."""
    return ", ".join(str(row[key]) for key in KEYS)


def over_seeds(images: pd.DataFrame) -> list[Check]:
    """V20: pixel correlation of methods that differ in their seed alone."""
    rows = images[images["metric"] == "pixel_correlation"]
    family = rows["method"].map(lambda name: re.sub(r"_seed\d+$", "", name))
    rows = rows.assign(family=family)[family != rows["method"]]
    checks = []
    for key, part in rows.groupby(["subject", "roi", "family", "set"], sort=False):
        wide = part.pivot_table(values="value", index="method", columns="stimulus_id")
        checks.append(stability(wide.to_numpy(np.float64), ", ".join(map(str, key))))
    return checks

"""Named orders of preprocessing; a study takes one and may change any step."""

from collections.abc import Mapping
from typing import Any

Steps = dict[str, Any]

PRESETS: dict[str, Steps] = {
    # Shen et al. (2019), with the order that the lab's own functions (bdpy) give it.
    "shen2019": {
        "slice_timing": False,
        "motion_correction": "gauss_newton",
        "coregistration": "inplane",
        "voxel_grid": "masks",
        "confounds": ["motion6"],
        "lead_in": 8.0,
        "trend": True,
        "high_pass": None,
        "normalize": "percent",
        "baseline": "rest",
        "clip": 3.0,
        "clip_iterations": 1,
        "delay": 4.0,
        "average": True,
    },
}
# The lab's variant with z-scores over each run, and bdpy's default of ten rounds of clipping.
PRESETS["zscore"] = PRESETS["shen2019"] | {
    "normalize": "zscore",
    "baseline": "run",
    "clip_iterations": 10,
}


def steps(given: Mapping[str, Any]) -> Steps:
    """Every step of a study: those of its preset, changed by the settings that it gives.

    Parameters
    ----------
    given : settings with "preset" and any of its steps

    Examples
    --------
    >>> chosen = steps({"preset": "shen2019", "delay": 5})
    >>> chosen["delay"], chosen["clip"]
    (5, 3.0)
    """
    return {"preset": given["preset"]} | PRESETS[given["preset"]] | dict(given)

"""Settings of preprocessing (`preprocess` in the config), and the presets that fill them in."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from deeprecon.typed import Distinct, Settings, Text, changed


class Alignment(Settings):
    """Which volumes and voxels are read, and which confounds are regressed out of them."""

    slice_timing: bool = Field(
        default=False, description="interpolate all slices to the middle of their volume"
    )
    motion_correction: Literal["gauss_newton", "greedy", "none"] = Field(
        default="gauss_newton",
        description="gauss_newton: our own; greedy: picsl-greedy; none: scans are corrected",
    )
    coregistration: Literal["inplane", "direct", "header"] = Field(
        default="inplane",
        description="how BOLD is registered with T1w: inplane: through the in-plane T2 image of "
        "the session; direct: in one step; header: not at all, if the headers are right",
    )
    voxel_grid: Literal["masks", "bold"] = Field(
        default="masks",
        description="masks: voxels are those of the ROI masks; bold: voxels are those of the BOLD "
        "reference, to which the masks are resampled",
    )
    confounds: Distinct[Text] = Field(
        default=("motion6",),
        description="confounds to regress out: motion6, motion24, acompcor<n>, or columns of "
        "fMRIPrep's table",
    )


class Cleaning(Settings):
    """Cleaning of the time series of a run, in this order."""

    dummy_scan_duration: float = Field(
        default=8.0, ge=0, description="time dropped at the start of each run, s"
    )
    trend: bool = Field(default=True, description="regress out the linear trend")
    high_pass: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="regress out cosines with longer periods than this, s; null: no filter",
    )
    normalize: Literal["percent", "zscore", "none"] = Field(
        default="percent", description="percent signal change, z-scores or the scanner's units"
    )
    baseline: Literal["rest", "run"] = Field(
        default="rest",
        description="baseline of normalization: the initial rest or the whole run",
    )
    clip: Annotated[float, Field(gt=0)] | None = Field(
        default=3.0,
        description="clip values further than this from the run's mean, SD; null: no clipping",
    )
    clip_iterations: int = Field(default=1, ge=1, le=100, description="rounds of clipping")
    delay: float = Field(default=4.0, ge=0, le=12, description="haemodynamic delay, s")
    average: bool = Field(default=True, description="one sample per block; false: one per volume")


class StepSettings(Cleaning, Alignment):
    """Every step of preprocessing; the defaults are the preset shen2019."""


PRESETS: dict[str, StepSettings] = {
    # Shen et al. (2019), in the order in which the lab's own functions (bdpy) do it.
    "shen2019": StepSettings(),
    # The lab's variant with z-scores over each run, and bdpy's default of ten rounds of clipping.
    "zscore": StepSettings(normalize="zscore", baseline="run", clip_iterations=10),
}


def steps(preset: str, changes: Mapping[str, Any]) -> StepSettings:
    """All steps of a study: those of a preset, some of them changed.

    Parameters
    ----------
    preset : name in `PRESETS`
    changes : any of the fields of `StepSettings`

    Examples
    --------
    >>> chosen = steps("shen2019", {"delay": 5})
    >>> chosen.delay, chosen.clip
    (5.0, 3.0)
    """
    return changed(PRESETS[preset], **changes)

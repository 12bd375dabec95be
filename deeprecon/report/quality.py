"""The quality report of a subject: motion, signal, coregistration, regions and samples."""

import base64
from collections.abc import Mapping
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from deeprecon import __version__
from deeprecon.preprocess.outliers import flags, measures, rules
from deeprecon.preprocess.quality import CARPET_STEP, HeadGrid, RunQuality
from deeprecon.preprocess.rois import Members, VoxelTable
from deeprecon.report.quality_figures import plot_overview, plot_run
from deeprecon.report.quality_maps import plot_coregistration, plot_rois, plot_tsnr
from deeprecon.report.style import webp
from deeprecon.report.templates import template

Nifti = nib.spatialimages.SpatialImage

MIN_CARPET_LIMIT = 1.0  # percent signal change; below it, thermal noise would look like contrast


def build_quality_page(
    *,
    study: str,
    subject: str,
    simulated: bool,
    runs: Mapping[str, RunQuality],
    sets: Mapping[str, str],
    reference: Nifti,
    t1w: Nifti,
    t1w_to_reference: NDArray[np.float64],
    head: HeadGrid,
    voxels: VoxelTable,
    members: Members,
    samples: pd.DataFrame,
    overlaps: pd.DataFrame,
) -> str:
    """Draw the figures and fill in the page.

    Parameters
    ----------
    study, subject : names
    simulated : whether the page must say that the data are simulated
    runs : run -> quality, in the order of the page
    sets : run -> stimulus set
    reference, t1w : 3-D images
    t1w_to_reference : (4, 4) matrix from T1w to reference world coordinates, mm
    head : grid of the points at which signal quality was measured
    voxels : voxels of all ROIs
    members : ROI -> (n_voxels,) boolean mask, for the ROIs that the page shows
    samples, overlaps : tables of `assemble.set_table` and `rois.overlaps`

    Returns
    -------
    HTML text; the page needs no other file
    """
    tsnr = _median_over_runs(runs)
    return template("report/quality.html").render(
        study=study,
        subject=subject,
        simulated=simulated,
        version=__version__,
        sets=sets,
        n_voxels=len(voxels.xyz),
        samples=samples.to_dict("records"),
        coregistration=_data_uri(plot_coregistration(reference, t1w, t1w_to_reference, head.xyz)),
        spacing=float(voxel_sizes(head.affine).max()),
        median_tsnr=float(np.nanmedian(tsnr)),
        tsnr=_data_uri(plot_tsnr(tsnr, head, reference)),
        rois=_data_uri(plot_rois(reference, voxels, members, t1w_to_reference)),
        counts=[{"region": name, "voxels": int(mask.sum())} for name, mask in members.items()],
        overlaps=overlaps.to_dict("records"),
        **_of_runs(runs, sets, voxel_size=float(voxel_sizes(reference.affine).max())),
    )


def _of_runs(
    runs: Mapping[str, RunQuality], sets: Mapping[str, str], voxel_size: float
) -> dict[str, Any]:
    """Variables of the template for all runs: measures, outlier rules and figures."""
    table = measures(runs)
    checked = rules(table, voxel_size)
    broken = flags(runs, voxel_size)
    flagged = set(broken["run"])
    limit = _carpet_limit(runs)
    return {
        "flagged": flagged,
        "flags": broken.to_dict("records"),
        "rules": checked,
        "largest": table.max().to_dict(),
        "overview": _data_uri(plot_overview(table, sets, flagged, checked)),
        "runs": [
            {"name": name, "figure": _data_uri(plot_run(run, limit)), **_row(table, name)}
            for name, run in runs.items()
        ],
    }


def _row(table: pd.DataFrame, name: str) -> dict[str, Any]:
    """The measures of a run."""
    return {str(column): value for column, value in table.loc[name].items()}


def _data_uri(figure: Figure) -> str:
    """A figure as a data URI, to embed in the page."""
    return "data:image/webp;base64," + base64.b64encode(webp(figure)).decode()


def _median_over_runs(runs: Mapping[str, RunQuality]) -> NDArray[np.float64]:
    """Median tSNR (n_points,) over the runs that cover a point; NaN where no run does."""
    values = np.array([run.temporal_snr for run in runs.values()], np.float64)
    seen = np.isfinite(values).any(axis=0)
    median = np.full(values.shape[1], np.nan)
    median[seen] = np.nanmedian(values[:, seen], axis=0)
    return median


def _carpet_limit(runs: Mapping[str, RunQuality]) -> float:
    """Percent signal change at both ends of the carpets' grey scale, the same for all runs."""
    largest = [np.percentile(np.abs(run.carpet[run.kept]), 98) for run in runs.values()]
    return max(MIN_CARPET_LIMIT, float(np.median(largest)) * CARPET_STEP)

"""The page of a subject's scans: motion, signal, coregistration, regions and samples."""

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
from deeprecon.report.page import template
from deeprecon.report.quality_figures import (
    plot_coregistration,
    plot_overview,
    plot_rois,
    plot_run,
    plot_tsnr,
    webp,
)

Nifti = nib.spatialimages.SpatialImage

MIN_CARPET_LIMIT = 1.0  # percent signal change; less would show thermal noise as contrast


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
    """Draw and fill the page.

    Parameters
    ----------
    study, subject : names
    simulated : whether the page must say that the data are simulated
    runs : run name -> quality, in the order of the page
    sets : run name -> stimulus set
    reference, t1w : 3-D images
    t1w_to_reference : (4, 4) T1w world to reference world, mm
    head : points at which the signal was judged
    voxels : of all ROIs
    members : ROI -> (n_voxels,) of those that the page shows, such as the ones of the settings
    samples, overlaps : tables of `assemble.set_table` and `rois.overlaps`

    Returns
    -------
    HTML text that needs no other file
    """
    table = measures(runs)
    judged = rules(table, float(voxel_sizes(reference.affine).max()))
    broken = flags(runs, float(voxel_sizes(reference.affine).max()))
    flagged = set(broken["run"])
    tsnr = _median_over_runs(runs)
    limit = _carpet_limit(runs)
    return template("quality.html").render(
        study=study,
        subject=subject,
        simulated=simulated,
        version=__version__,
        sets=sets,
        flagged=flagged,
        flags=broken.to_dict("records"),
        rules=judged,
        largest=table.max().to_dict(),
        overview=_picture(plot_overview(table, sets, flagged, judged)),
        n_voxels=len(voxels.xyz),
        samples=samples.to_dict("records"),
        coregistration=_picture(plot_coregistration(reference, t1w, t1w_to_reference, head.xyz)),
        spacing=float(voxel_sizes(head.affine).max()),
        median_tsnr=float(np.nanmedian(tsnr)),
        tsnr=_picture(plot_tsnr(tsnr, head, reference)),
        rois=_picture(plot_rois(reference, voxels, members, t1w_to_reference)),
        counts=[{"region": name, "voxels": int(of.sum())} for name, of in members.items()],
        overlaps=overlaps.to_dict("records"),
        runs=[
            {"name": name, "picture": _picture(plot_run(run, limit)), **_row(table, name)}
            for name, run in runs.items()
        ],
    )


def _row(table: pd.DataFrame, name: str) -> dict[str, Any]:
    """The measures of a run."""
    return {str(column): value for column, value in table.loc[name].items()}


def _picture(figure: Figure) -> str:
    """A figure as text that an HTML page can hold."""
    return "data:image/webp;base64," + base64.b64encode(webp(figure)).decode()


def _median_over_runs(runs: Mapping[str, RunQuality]) -> NDArray[np.float64]:
    """Median tSNR (n_points,) over the runs that see a point, NaN where none does."""
    values = np.array([run.temporal_snr for run in runs.values()], np.float64)
    seen = np.isfinite(values).any(axis=0)
    median = np.full(values.shape[1], np.nan)
    median[seen] = np.nanmedian(values[:, seen], axis=0)
    return median


def _carpet_limit(runs: Mapping[str, RunQuality]) -> float:
    """Percent signal change at the ends of the carpets' grey scale, the same for all runs."""
    largest = [np.percentile(np.abs(run.carpet[run.kept]), 98) for run in runs.values()]
    return max(MIN_CARPET_LIMIT, float(np.median(largest)) * CARPET_STEP)

"""Estimate the head motion of a run and read it at the ROI voxels, in one interpolation."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from _job import job

from deeprecon.data.bids import repetition_time
from deeprecon.preprocess.files import read_voxels, write_run
from deeprecon.preprocess.realign import estimate_motion, grid_centre, load_image, read_volumes
from deeprecon.preprocess.voxels import voxel_time_series

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    files = snakemake.input
    bold, reference = load_image(files.bold), load_image(files.reference)
    volume = np.asarray(reference.dataobj)
    motion = estimate_motion(
        read_volumes(bold), volume, reference.affine, volume_affine=bold.affine
    )
    series = voxel_time_series(
        bold,
        motion,
        grid_centre(volume.shape, reference.affine),
        np.loadtxt(files.matrix),
        read_voxels(files.voxels).xyz,
    )
    seconds = repetition_time(Path(files.bold))
    output = snakemake.output
    write_run(output.series, output.motion, series, motion, seconds, attributes)

"""Read a run preprocessed by fMRIPrep at the ROI voxels."""

from pathlib import Path
from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.fmriprep import find_derivatives
from deeprecon.data.images import load_image
from deeprecon.preprocess.files import read_voxels
from deeprecon.preprocess.quality import head_positions
from deeprecon.preprocess.runs import read_fmriprep_run, write_run

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    files, params = snakemake.input, snakemake.params
    run = read_fmriprep_run(
        find_derivatives(params.derivatives, params.run, params.space),
        Path(params.run.bold),
        read_voxels(files.voxels).xyz,
        head_positions(load_image(files.reference)),
        dummy_scan_duration=params.dummy_scan_duration,
    )
    write_run(run, **dict(snakemake.output.items()), attributes=attributes)

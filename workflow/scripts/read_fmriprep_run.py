"""Read a run preprocessed by fMRIPrep at the ROI voxels."""

from pathlib import Path
from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.fmriprep import find_derivatives
from deeprecon.data.images import load_image
from deeprecon.preprocess.files import read_voxels, write_series, write_table
from deeprecon.preprocess.quality import head_positions, write_quality
from deeprecon.preprocess.runs import read_fmriprep_run

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    files, params, output = snakemake.input, snakemake.params, snakemake.output
    run = read_fmriprep_run(
        find_derivatives(params.derivatives, params.run, params.space),
        Path(params.run.bold),
        read_voxels(files.voxels).xyz,
        head_positions(load_image(files.reference)),
        lead_in=params.lead_in,
    )
    write_table(output.confounds, run.confounds)
    write_quality(output.quality, run.quality, attributes)
    write_series(output.series, run.series, run.repetition_time, run.start, attributes)

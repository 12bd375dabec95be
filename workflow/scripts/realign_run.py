"""Correct the head motion of a run and read it at the ROI voxels, in one interpolation."""

from typing import TYPE_CHECKING

from _job import job
from nibabel.affines import apply_affine

from deeprecon.data.images import load_image
from deeprecon.preprocess.files import read_matrix, read_voxels, write_series, write_table
from deeprecon.preprocess.quality import head_positions, write_quality
from deeprecon.preprocess.runs import read_raw_run

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    files, params, output = snakemake.input, snakemake.params, snakemake.output
    reference = load_image(files.reference)
    run = read_raw_run(
        files.bold,
        reference,
        apply_affine(read_matrix(files.matrix), read_voxels(files.voxels).xyz),
        head_positions(reference),
        motion_correction=params.motion_correction,
        slice_timing=params.slice_timing,
        lead_in=params.lead_in,
    )
    write_table(output.confounds, run.confounds)
    write_quality(output.quality, run.quality, attributes)
    write_series(output.series, run.series, run.repetition_time, run.start, attributes)

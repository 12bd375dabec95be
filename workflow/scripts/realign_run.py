"""Correct the head motion of a run and read it at the ROI voxels, with one interpolation."""

from typing import TYPE_CHECKING

from _job import job
from nibabel.affines import apply_affine

from deeprecon.data.images import load_image
from deeprecon.preprocess.files import read_matrix, read_voxels
from deeprecon.preprocess.quality import head_positions
from deeprecon.preprocess.runs import read_raw_run, write_run

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    files, params = snakemake.input, snakemake.params
    reference = load_image(files.reference)
    run = read_raw_run(
        files.bold,
        reference,
        apply_affine(read_matrix(files.matrix), read_voxels(files.voxels).xyz),
        head_positions(reference),
        motion_correction=params.motion_correction,
        slice_timing=params.slice_timing,
        dummy_scan_duration=params.dummy_scan_duration,
    )
    write_run(run, **dict(snakemake.output.items()), attributes=attributes)

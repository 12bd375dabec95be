"""List the voxels of all ROI masks of a subject."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.images import load_image
from deeprecon.preprocess.files import read_matrix, write_voxels
from deeprecon.preprocess.rois import TargetGrid, mask_files, read_roi_masks

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    files, params = snakemake.input, snakemake.params
    target = None
    if files.reference:
        target = TargetGrid.of(load_image(files.reference), read_matrix(files.matrix))
    masks = mask_files(params.names, files.masks, params.labels)
    write_voxels(snakemake.output.voxels, read_roi_masks(masks, target), attributes)

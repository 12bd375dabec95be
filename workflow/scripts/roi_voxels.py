"""List the voxels of all ROI masks of a subject."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from _job import job

from deeprecon.data.images import load_image
from deeprecon.preprocess.files import read_matrix, write_voxels
from deeprecon.preprocess.rois import MaskFile, TargetGrid, read_roi_masks

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    files, params = snakemake.input, snakemake.params
    masks: dict[str, list[MaskFile]] = {}
    for name, path, labels in zip(params.names, files.masks, params.labels, strict=True):
        masks.setdefault(name, []).append(MaskFile(Path(path), tuple(labels)))
    target = None
    if files.reference:
        reference = load_image(files.reference)
        to_t1w = np.linalg.inv(read_matrix(files.matrix))
        target = TargetGrid(reference.shape, reference.affine, to_t1w)
    write_voxels(snakemake.output.voxels, read_roi_masks(masks, target), attributes)

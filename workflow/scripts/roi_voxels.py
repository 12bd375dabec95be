"""List the voxels of all ROI masks of a subject."""

from pathlib import Path
from typing import TYPE_CHECKING

from _job import job

from deeprecon.preprocess.files import write_voxels
from deeprecon.preprocess.rois import read_roi_masks

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    masks: dict[str, list[Path]] = {}
    for name, path in zip(snakemake.params.names, snakemake.input.masks, strict=True):
        masks.setdefault(name, []).append(Path(path))
    write_voxels(snakemake.output.voxels, read_roi_masks(masks), attributes)

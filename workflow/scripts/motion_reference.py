"""Make the reference of motion correction: the median of the first realigned volumes of a run."""

from typing import TYPE_CHECKING

import nibabel as nib
from _job import job

from deeprecon.atomic import replacing
from deeprecon.data.images import load_image
from deeprecon.preprocess.realign import run_reference

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    image = run_reference(load_image(snakemake.input.bold), snakemake.params.n_volumes)
    with replacing(snakemake.output.image) as temporary:
        nib.save(image, temporary)

"""Prepare the images of the quality report from fMRIPrep: a mean volume and the T1w image."""

from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
from _job import job

from deeprecon.atomic import replacing
from deeprecon.data.fmriprep import find_derivatives, find_preproc_t1w
from deeprecon.data.images import image_values, load_image
from deeprecon.preprocess.files import write_matrix
from deeprecon.preprocess.runs import fmriprep_reference

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params, output = snakemake.params, snakemake.output
    run = find_derivatives(params.derivatives, params.run, params.space)
    subject = snakemake.wildcards.subject
    t1w = load_image(find_preproc_t1w(params.derivatives, subject, params.space))
    reference = fmriprep_reference(load_image(run.bold), params.n_volumes)
    image_values(t1w)  # refuses a damaged file before anything is written
    for image, path in ((reference, output.image), (t1w, output.t1w)):
        with replacing(path) as temporary:
            nib.save(image, temporary)
    write_matrix(output.matrix, np.eye(4))

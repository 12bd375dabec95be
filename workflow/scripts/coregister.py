"""Find where the T1w image lies in the reference of motion correction."""

from typing import TYPE_CHECKING

import numpy as np
from _job import job

from deeprecon.atomic import replacing
from deeprecon.data.images import load_image
from deeprecon.preprocess.coregister import t1w_to_bold

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    files = snakemake.input
    matrix = t1w_to_bold(
        load_image(files.t1w),
        load_image(files.reference),
        snakemake.params.method,
        load_image(files.inplane) if files.inplane else None,
    )
    with replacing(snakemake.output.matrix) as temporary:
        np.savetxt(temporary, matrix, header="T1w world (mm) to BOLD reference world (mm)")

"""Find where the T1w image lies in the reference of motion correction."""

from typing import TYPE_CHECKING

import numpy as np
from _job import job

from deeprecon.atomic import replacing
from deeprecon.preprocess.coregister import coregister
from deeprecon.preprocess.realign import load_image

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    matrix = coregister(load_image(snakemake.input.reference), load_image(snakemake.input.t1w))
    with replacing(snakemake.output.matrix) as temporary:
        np.savetxt(temporary, matrix, header="T1w world (mm) to BOLD reference world (mm)")

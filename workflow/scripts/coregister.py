"""Register the T1w image with the reference of motion correction."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.images import load_image
from deeprecon.preprocess.coregister import t1w_to_bold
from deeprecon.preprocess.files import write_matrix

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
    write_matrix(snakemake.output.matrix, matrix)

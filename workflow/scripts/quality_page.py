"""Write the quality report of a subject's scans."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.atomic import replacing
from deeprecon.data.images import load_image
from deeprecon.preprocess.files import read_matrix, read_voxels
from deeprecon.preprocess.quality import head_positions, read_quality
from deeprecon.preprocess.rois import combine
from deeprecon.report.quality import build_quality_page
from deeprecon.tables import read_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    files, params = snakemake.input, snakemake.params
    runs = {name: read_quality(path) for name, path in zip(params.runs, files.quality, strict=True)}
    reference, voxels = load_image(files.reference), read_voxels(files.voxels)
    page = build_quality_page(
        study=params.study,
        subject=snakemake.wildcards.subject,
        simulated=params.simulated,
        runs=runs,
        sets=dict(zip(params.runs, params.sets, strict=True)),
        reference=reference,
        t1w=load_image(files.t1w),
        t1w_to_reference=read_matrix(files.matrix),
        head=head_positions(reference),
        voxels=voxels,
        members=combine(voxels.members, params.rois),
        samples=read_table(files.sets),
        overlaps=read_table(files.overlaps),
    )
    with replacing(snakemake.output.page) as temporary:
        temporary.write_text(page, encoding="utf-8")

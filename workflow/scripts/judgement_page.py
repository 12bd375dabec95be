"""Write the page with the results of human judgement."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from _job import job

from deeprecon.atomic import replacing
from deeprecon.report.judgement import build_judgement_page, read_pictures, read_tables

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    files, params = snakemake.input, snakemake.params
    page = build_judgement_page(
        study=params.study,
        simulated=params.simulated,
        design=json.loads(Path(files.study).read_text(encoding="utf-8")),
        folder=params.folder,
        layers=params.layers,
        tables=read_tables(files),
        pictures=read_pictures(params.targets, files.recon, files.tables, params.image),
    )
    with replacing(snakemake.output.page) as temporary:
        temporary.write_text(page, encoding="utf-8")

"""Write the report page with figures, scores, checks, settings and versions."""

from typing import TYPE_CHECKING

import yaml
from _job import job

from deeprecon.atomic import replacing
from deeprecon.report.page import Figures, build_page, read_results

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    files, params = snakemake.input, snakemake.params
    figures = Figures(
        galleries=dict(zip(params.sets, files.galleries, strict=True)),
        comparisons=dict(zip(params.compared, files.comparisons, strict=True)),
        losses=dict(zip(params.sets, files.losses, strict=True)),
        snapshots=dict(zip(params.sets, files.snapshots, strict=True)),
        decoding=files.decoding,
        identification=files.identification,
        checks=files.checks_figure,
        check_values=files.check_values,
    )
    others = {
        "Samples": files.samples,
        "Voxels": files.rois,
        "Reliability of voxels, and the noise ceilings it sets": [files.reliability],
    }
    results = read_results(
        files.scores, files.pairs, files.over_subjects, files.vividness, files.checks, others
    )
    quality = dict(zip(params.subjects, files.quality, strict=False))
    sources = [*files.stimuli, *files.weights]
    page = build_page(params.settings, figures, results, quality, sources, params.simulated)
    with replacing(snakemake.output.page) as temporary:
        temporary.write_text(page, encoding="utf-8")
    with replacing(snakemake.output.settings) as temporary:
        temporary.write_text(yaml.safe_dump(dict(params.settings), sort_keys=False), "utf-8")

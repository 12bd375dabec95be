"""Put pictures, scores, settings and versions on one page."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from _job import job

from deeprecon.atomic import replacing
from deeprecon.decode.tables import joined
from deeprecon.report.page import build_page

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    files, params = snakemake.input, snakemake.params
    tables = {"Samples": files.samples, "Voxels": files.rois}
    page = build_page(
        settings=params.settings,
        galleries=dict(zip(params.sets, files.galleries, strict=True)),
        comparisons=dict(zip(params.compared, files.comparisons, strict=True)),
        losses=dict(zip(params.sets, files.losses, strict=True)),
        strips=dict(zip(params.sets, files.strips, strict=True)),
        identification=files.identification,
        decoding={
            "Accuracy by layer": files.layers,
            "Accuracy by region": files.regions,
            "Accuracy by number of repetitions": files.repetitions,
        },
        scores=pd.read_csv(files.scores, sep="\t", dtype={"stimulus_id": str}),
        tables={title: joined(paths) for title, paths in tables.items() if paths},
        quality={
            subject: Path(path).name
            for subject, path in zip(params.subjects, files.quality, strict=False)
        },
        simulated=params.simulated,
    )
    with replacing(snakemake.output.page) as temporary:
        temporary.write_text(page, encoding="utf-8")

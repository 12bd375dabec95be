"""Put human judgement on one page."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from _job import job

from deeprecon.atomic import replacing
from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.reconstruct.store import read_images
from deeprecon.report.judgement import build_judgement_page

if TYPE_CHECKING:
    from snakemake.script import snakemake

TABLES = (
    "power", "raters", "findings", "accuracy", "preferences", "comparisons", "agreement",
    "images", "metrics", "observers",
)  # fmt: skip

TEXT = dict.fromkeys(("target", "rater", "file"), str)

with job(snakemake):
    files, params = snakemake.input, snakemake.params
    stimuli = {Path(path).stem: read_stimuli(path) for path in files.tables}
    pictures: dict[Any, Any] = {}
    for target, recon in zip(params.targets, files.recon, strict=True):
        name = target.split("/")[-1]
        ids = list(stimuli[name]["stimulus_id"])
        true, shown = load_images(stimuli[name], **params.image), read_images(recon, ids)
        pictures[tuple(target.split("/"))] = {
            own: (a, b) for own, a, b in zip(ids, true, shown, strict=True)
        }
    page = build_judgement_page(
        study=params.study,
        simulated=params.simulated,
        design=json.loads(Path(files.study).read_text(encoding="utf-8")),
        folder=params.folder,
        layers=params.layers,
        tables={
            name: pd.read_csv(
                files[name], sep="\t", dtype=TEXT, keep_default_na=False, na_values=[""]
            )
            for name in TABLES
        },
        pictures=pictures,
    )
    with replacing(snakemake.output.page) as temporary:
        temporary.write_text(page, encoding="utf-8")

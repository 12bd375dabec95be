"""Put pictures, scores, settings and versions on one page."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import yaml
from _job import job

from deeprecon.atomic import replacing
from deeprecon.decode.tables import joined
from deeprecon.evaluate.table import read_scores
from deeprecon.provenance import sha256
from deeprecon.report.page import Pictures, build_page
from deeprecon.validity.result import read_checks

if TYPE_CHECKING:
    from snakemake.script import snakemake

RELIABILITY = "Reliability of voxels: correlation of repetitions, and the noise ceilings it gives"

with job(snakemake):
    files, params = snakemake.input, snakemake.params
    tables = {"Samples": files.samples, "Voxels": files.rois, RELIABILITY: [files.reliability]}
    joint = {title: joined(paths) for title, paths in tables.items() if paths}
    decoding = {
        "Accuracy by layer": files.layers,
        "Accuracy by region": files.regions,
        "Accuracy by number of repetitions": files.repetitions,
        "Accuracy by number of training samples": files.training,
    }
    sources = [*files.stimuli, files.weights] if files.weights else [*files.stimuli]
    page = build_page(
        settings=params.settings,
        pictures=Pictures(
            galleries=dict(zip(params.sets, files.galleries, strict=True)),
            comparisons=dict(zip(params.compared, files.comparisons, strict=True)),
            losses=dict(zip(params.sets, files.losses, strict=True)),
            strips=dict(zip(params.sets, files.strips, strict=True)),
            identification=files.identification,
            checks=files.checks_figure,
            check_values=files.check_values,
            decoding={title: path for title, path in decoding.items() if path},
        ),
        scores=read_scores(files.scores),
        compared=pd.read_csv(files.comparisons_table, sep="\t"),
        over_subjects=pd.read_csv(files.over_subjects, sep="\t"),
        vividness=pd.read_csv(files.vividness, sep="\t"),
        checks=read_checks(files.checks),
        tables={title: table for title, table in joint.items() if len(table)},
        quality={
            subject: Path(path).name
            for subject, path in zip(params.subjects, files.quality, strict=False)
        },
        hashes={Path(path).name: sha256(path) for path in sources},
        simulated=params.simulated,
    )
    settings = yaml.safe_dump(dict(params.settings), sort_keys=False)
    for path, text in ((snakemake.output.settings, settings), (snakemake.output.page, page)):
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")

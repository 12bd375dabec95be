"""Put the scores of all methods into one table, compare them, and sum them up."""

from typing import TYPE_CHECKING

import pandas as pd
from _job import job

from deeprecon.atomic import replacing
from deeprecon.evaluate.comparisons import compare
from deeprecon.evaluate.subjects import over_subjects
from deeprecon.evaluate.summary import summary
from deeprecon.evaluate.table import read_scores
from deeprecon.evaluate.vividness import vividness_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params, output = snakemake.params, snakemake.output
    scores = pd.concat([read_scores(path) for path in snakemake.input.scores])
    images = pd.concat([read_scores(path) for path in snakemake.input.images])
    blocks = {
        subject: pd.read_csv(path, sep="\t", dtype={"stimulus_id": str})
        for subject, path in zip(params.subjects, snakemake.input.blocks, strict=True)
    }
    drawn = {"n_bootstrap": params.n_bootstrap, "seed": params.seed}
    compared = compare(
        images,
        leave_out=[params.floor],
        n_permutations=params.n_permutations,
        **drawn,
    )
    tables = {
        output.scores: scores,
        output.images: images,
        output.summary: summary(scores),
        output.comparisons: compared,
        output.vividness: vividness_table(
            images, blocks, n_permutations=params.n_permutations, seed=params.seed
        ),
        output.subjects: over_subjects(scores, images, **drawn),
    }
    for path, table in tables.items():
        with replacing(path) as temporary:
            table.to_csv(temporary, sep="\t", index=False, float_format="%.6g")

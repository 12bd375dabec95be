"""Join the scores of all methods, compare and summarise them."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.evaluate.comparisons import compare
from deeprecon.evaluate.subjects import over_subjects
from deeprecon.evaluate.summary import summary
from deeprecon.evaluate.table import read_scores
from deeprecon.evaluate.vividness import vividness_table
from deeprecon.tables import read_table, write_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    scores, images = read_scores(*files.scores), read_scores(*files.images)
    blocks = {
        subject: read_table(path, text=("stimulus_id",))
        for subject, path in zip(params.subjects, files.blocks, strict=True)
    }
    drawn = {"n_bootstrap": params.n_bootstrap, "seed": params.seed}
    permuted = {"n_permutations": params.n_permutations, "seed": params.seed}
    write_table(output.scores, scores)
    write_table(output.images, images)
    write_table(output.summary, summary(scores))
    write_table(output.comparisons, compare(images, leave_out=[params.control], **permuted | drawn))
    write_table(output.vividness, vividness_table(images, blocks, **permuted))
    write_table(output.subjects, over_subjects(scores, images, **drawn))

"""Analyse the answers of raters and, separately, of model observers."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.judge.analysis.results import judgement_tables
from deeprecon.tables import read_table, write_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    files, params = snakemake.input, snakemake.params
    tables = judgement_tables(
        read_table(files.responses, text=True),
        read_table(files.observers, text=True),
        read_table(files.images, text=["stimulus_id"]),
        n_bootstrap=params.n_bootstrap,
        n_permutations=params.n_permutations,
        seed=params.seed,
    )
    for name, table in tables.items():
        write_table(snakemake.output[name], table)

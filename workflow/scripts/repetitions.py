"""Score decoding by number of repetitions, with noise ceilings and identification."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.decode.by_repetitions import score_repetitions
from deeprecon.decode.region import Region
from deeprecon.features.sampled import read_sampled
from deeprecon.tables import write_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params, files, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    rows = score_repetitions(
        Region.load(files.region),
        read_sampled(files.train, params.layers),
        dict(zip(params.sets, files.tests, strict=True)),
        params.model,
        files.settings,
        seed=params.seed,
        keys={key: wildcards[key] for key in ("subject", "roi", "decoder")},
        n_jobs=snakemake.threads,
    )
    write_table(snakemake.output.table, rows, digits=None)

"""Cross-validate a decoder on training images, and choose its settings."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.stimuli import read_stimuli
from deeprecon.decode.tuning import cross_validate_region
from deeprecon.features.sampled import read_sampled
from deeprecon.tables import write_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params, files, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    table = cross_validate_region(
        files.samples,
        wildcards.roi,
        read_sampled(files.sampled, params.layers),
        read_stimuli(files.stimuli),
        params.model,
        n_folds=params.n_folds,
        hold_out=params.hold_out,
        seed=params.seed,
        keys={key: wildcards[key] for key in ("subject", "roi", "decoder")},
        n_jobs=snakemake.threads,
    )
    write_table(snakemake.output.table, table, digits=None)

"""Check a decoder for leaks between training and test, and for collapsed features."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.validity.check_decoder import check_decoder
from deeprecon.validity.result import write_checks

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params, files, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    checks = check_decoder(
        files.samples,
        files.region,
        files.stimuli,
        files.statistics,
        files.sampled,
        tests=dict(zip(params.sets, files.tests, strict=True)),
        decoded=dict(zip(map(tuple, params.decoded), files.decoded, strict=True)),
        keys={key: wildcards[key] for key in ("subject", "roi", "decoder")},
        layers=params.layers,
        tuning=params.tuning,
        n_folds=params.n_folds,
        hold_out=params.hold_out,
        seed=params.seed,
    )
    write_checks(snakemake.output.checks, checks)

"""Check decoders that are retrained on a later stimulus, on noise, and with clusters held out."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.decode.choice import chosen_settings
from deeprecon.decode.models import build
from deeprecon.validity.check_retrained import check_retrained
from deeprecon.validity.result import write_checks

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params, files, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    checks = check_retrained(
        files.samples,
        files.sampled,
        tests=dict(zip(params.sets, files.tests, strict=True)),
        model=build(chosen_settings(params.model, files.settings, params.layers[-1])),
        keys={key: wildcards[key] for key in ("subject", "roi", "decoder")},
        layers=params.layers,
        seed=params.seed,
    )
    write_checks(snakemake.output.checks, checks)

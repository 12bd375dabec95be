"""Measure the accuracy of a decoder by the number of training images."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.decode.choice import chosen_settings
from deeprecon.decode.models import build
from deeprecon.decode.training_curve import region_curve
from deeprecon.features.sampled import read_sampled
from deeprecon.tables import write_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params, files, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    rows = region_curve(
        files.samples,
        wildcards.roi,
        read_sampled(files.sampled, params.layers),
        dict(zip(params.sets, files.tests, strict=True)),
        build(chosen_settings(params.model, files.settings, params.layers[-1])),
        params.seed,
    )
    keys = {key: wildcards[key] for key in ("subject", "roi", "decoder")}
    write_table(snakemake.output.table, [keys | row for row in rows], digits=None)

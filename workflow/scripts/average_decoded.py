"""Average the decoded features of a layer over subjects."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.decode.average import average_features

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    average_features(snakemake.input.features, snakemake.output.features, attributes)

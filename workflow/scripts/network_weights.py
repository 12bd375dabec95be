"""Convert a network's published weights into one torch file."""

from pathlib import Path
from typing import TYPE_CHECKING

from _job import job

from deeprecon.features.networks import architecture_of
from deeprecon.features.weights import write_weights

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    architecture = architecture_of(snakemake.params.network)
    write_weights(snakemake.output.weights, architecture.read(Path(snakemake.input.weights)))

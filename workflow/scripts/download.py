"""Download one file listed in downloads.tsv and check its hash."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.download import downloads, fetch

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    fetch(downloads()[snakemake.params.name], snakemake.output.file)

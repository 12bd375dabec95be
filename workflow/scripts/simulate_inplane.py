"""Write the in-plane T2-weighted image of a session of a simulated subject."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.simulate.subject import simulate_inplane

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    simulate_inplane(
        snakemake.output.image,
        snakemake.wildcards.subject,
        snakemake.wildcards.session,
        snakemake.params.voxel_size,
        snakemake.params.seed,
    )

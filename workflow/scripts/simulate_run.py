"""Write BOLD, events and true head poses of one simulated run."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.bids import BoldRun
from deeprecon.data.simulate.settings import Physiology
from deeprecon.data.simulate.subject import simulate_run
from deeprecon.data.stimuli import read_stimuli

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    wildcards, output = snakemake.wildcards, snakemake.output
    set_name, index, n_runs = snakemake.params.run_index
    simulate_run(
        run=BoldRun(
            wildcards.subject, wildcards.session, wildcards.task, wildcards.number,
            output.bold, output.events,
        ),
        truth=snakemake.input.truth,
        motion=output.motion,
        stimuli=read_stimuli(snakemake.input.table),
        set_name=set_name,
        run_index=index,
        n_runs=n_runs,
        physiology=Physiology(**snakemake.params.physiology),
        seed=snakemake.params.seed,
        attributes=attributes,
    )  # fmt: skip

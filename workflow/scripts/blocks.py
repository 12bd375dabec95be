"""List the blocks that become samples, and find errors in events before any scan is read."""

from collections import Counter
from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.blocks import subject_blocks
from deeprecon.data.ds001506 import check_data_set
from deeprecon.data.sidecars import run_length
from deeprecon.data.stimuli import stimulus_ids
from deeprecon.tables import write_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    files, params = snakemake.input, snakemake.params
    table = subject_blocks(
        files.events,
        params.runs,
        params.sets,
        stimulus_ids(dict(zip(params.labels, files.tables, strict=True))),
        params.imagery_labels,
        [run_length(bold) for bold in files.bold],
    )
    subject = snakemake.wildcards.subject
    check_data_set(params.dataset, Counter(table["set"]), params.labels, subject)
    write_table(snakemake.output.blocks, table, digits=8, missing="n/a")

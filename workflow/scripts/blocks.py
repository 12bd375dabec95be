"""List the blocks that become samples: what is wrong with events shows before scans are read."""

from typing import TYPE_CHECKING

import pandas as pd
from _job import job

from deeprecon.data.bids import run_length
from deeprecon.data.ds001506 import check_counts
from deeprecon.data.events import run_blocks
from deeprecon.data.stimuli import read_stimuli
from deeprecon.preprocess.files import write_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    files, params = snakemake.input, snakemake.params
    known = {
        name: read_stimuli(table)["stimulus_id"].tolist()
        for name, table in zip(params.set_names, files.tables, strict=True)
    }
    lengths: list[tuple[int, float] | None] = [run_length(bold) for bold in files.bold]
    runs = []
    for events, run, name, length in zip(
        files.events, params.runs, params.sets, lengths or [None] * len(files.events), strict=True
    ):
        blocks = run_blocks(events, known[name], params.imagery_labels, length)
        runs.append(blocks.assign(run=run, set=name))
    table = pd.concat(runs, ignore_index=True)
    if params.dataset == "ds001506":
        found = {
            label: int((table["set"] == name).sum())
            for name, label in zip(params.set_names, params.labels, strict=True)
        }
        check_counts(found, snakemake.wildcards.subject)
    columns = ["run", "set", "block", "onset", "duration", "stimulus_id", "vividness"]
    write_table(snakemake.output.blocks, table[columns])

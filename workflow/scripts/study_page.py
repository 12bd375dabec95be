"""Build the page for human judgement and the key that stays in the laboratory."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from _job import job

from deeprecon.data.stimuli import read_stimuli
from deeprecon.judge.study import build_study, build_trials

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    params = snakemake.params
    tables = {Path(path).stem: read_stimuli(path) for path in snakemake.input.tables}
    rows = []
    for target, result in zip(params.targets, snakemake.input.recon, strict=True):
        subject, roi, method, name = target.split("/")
        stimuli = tables[name]
        for stimulus_id, file in zip(stimuli["stimulus_id"], stimuli["file"], strict=True):
            rows.append(
                {
                    "subject": subject,
                    "roi": roi,
                    "method": method,
                    "set": name,
                    "stimulus_id": stimulus_id,
                    "true_file": file,
                    "recon_file": str(Path(result).with_suffix("") / f"{stimulus_id}.png"),
                }
            )
    images = pd.DataFrame(rows)
    trials = build_trials(
        images,
        n_raters=params.n_raters,
        trials_per_rater=params.trials_per_rater,
        seed=params.seed,
    )
    build_study(
        trials,
        images,
        Path(snakemake.output.page).parent,
        title=params.title,
        consent=params.consent,
        seed=params.seed,
        attributes=attributes,
    )

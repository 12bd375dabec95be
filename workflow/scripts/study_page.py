"""Write the page for raters, its key, which stays in the laboratory, and a table of precision."""

from pathlib import Path
from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.stimuli import read_stimuli
from deeprecon.judge.images import judged_images
from deeprecon.judge.power import study_power
from deeprecon.judge.ratings.reading import rated_key
from deeprecon.judge.settings import TaskSettings
from deeprecon.judge.study import build_study
from deeprecon.judge.texts import read_texts
from deeprecon.judge.trials import build_trials
from deeprecon.tables import write_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    files, params, output = snakemake.input, snakemake.params, snakemake.output
    images = judged_images(params.targets, files.recon, files.tables)
    tasks = [TaskSettings(**given) for given in params.tasks]
    trials = build_trials(images, tasks, n_raters=params.n_raters, seed=params.seed)
    build_study(
        trials,
        images,
        list(read_stimuli(files.training)["file"]),
        Path(output.page).parent,
        title=params.title,
        consent=params.consent,
        texts=read_texts(params.language),
        seed=params.seed,
        completion_url=params.completion_url,
        rated=rated_key(output.trials, params.folder),
        attributes=attributes,
    )
    write_table(output.power, study_power(trials, seed=params.seed), digits=None)

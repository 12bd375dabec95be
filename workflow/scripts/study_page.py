"""Build the page for human judgement, the key that stays in the laboratory, and a power table."""

from pathlib import Path
from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.stimuli import read_stimuli
from deeprecon.decode.tables import write_table
from deeprecon.judge.images import judged_images
from deeprecon.judge.power import study_power
from deeprecon.judge.questions import Task
from deeprecon.judge.sent.folder import rating_files
from deeprecon.judge.study import build_study, read_key
from deeprecon.judge.texts import read_texts
from deeprecon.judge.trials import build_trials

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    files, params = snakemake.input, snakemake.params
    stimuli = {Path(path).stem: read_stimuli(path) for path in files.tables}
    images = judged_images(params.targets, files.recon, stimuli)
    page = Path(snakemake.output.page).parent
    there = Path(snakemake.output.trials).is_file() and rating_files(params.folder)
    tasks = [Task(**given) for given in params.tasks]
    trials = build_trials(images, tasks, n_raters=params.n_raters, seed=params.seed)
    build_study(
        trials,
        images,
        list(read_stimuli(files.training)["file"]),
        page,
        title=params.title,
        consent=params.consent,
        texts=read_texts(params.language),
        seed=params.seed,
        completion_url=params.completion_url,
        rated=read_key(snakemake.output.trials)[1] if there else None,
        attributes=attributes,
    )
    power = study_power(trials, seed=params.seed)
    write_table(snakemake.output.power, power)

"""Check the reconstructions of a set: dependence on brain data, and scored against shown images."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.evaluate.baseline_files import read_baselines
from deeprecon.reconstruct.store import read_images
from deeprecon.validity.check_set import check_set, read_shown
from deeprecon.validity.result import write_checks

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params, files, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    stimuli = read_stimuli(files.table)
    ids = list(stimuli["stimulus_id"])
    checks = check_set(
        load_images(stimuli, **params.image),
        read_images(files.recon, ids),
        load_images(read_stimuli(files.training), **params.image),
        read_baselines(files.baselines, ids),
        shown=read_shown(files.folder, ids),
        keys={key: wildcards[key] for key in ("subject", "roi", "method", "set")},
        from_true_features=read_images(files.true_features, ids) if files.true_features else None,
        categories=list(stimuli.get("category", [])),
        seed=params.seed,
        own=params.checks,
    )
    write_checks(snakemake.output.checks, checks)

"""Import the samples of a subject from BData files, one file per stimulus set."""

from pathlib import Path
from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.kamitani import check_stimuli, import_samples
from deeprecon.data.stimuli import stimulus_ids
from deeprecon.preprocess.assemble import with_rois, write_samples

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    files, params = snakemake.input, snakemake.params
    paths = dict(zip(params.labels, map(Path, files.bdata), strict=True))
    data, members = with_rois(import_samples(paths, params.label), params.rois)
    known = stimulus_ids(dict(zip(params.labels, files.tables, strict=True)))
    check_stimuli(data, paths, known)
    write_samples(
        data,
        members,
        **dict(snakemake.output.items()),
        dataset=params.dataset,
        labels=params.labels,
        attributes=attributes,
    )

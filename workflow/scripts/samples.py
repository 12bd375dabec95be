"""Clean every run of a subject, average its blocks, and write the samples of all runs."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.stimuli import stimulus_ids
from deeprecon.preprocess.assemble import assemble, check_stimuli, read_all_samples, write_samples
from deeprecon.preprocess.files import read_voxels
from deeprecon.preprocess.rois import combine
from deeprecon.preprocess.settings import Cleaning

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    files, params, output = snakemake.input, snakemake.params, snakemake.output
    voxels = read_voxels(files.voxels)
    members = combine(voxels.members, params.rois)
    runs = read_all_samples(
        files.series,
        files.confounds,
        files.events,
        params.sets,
        params.sessions,
        selection=params.confounds,
        cleaning=Cleaning(**params.cleaning),
        imagery_labels=params.imagery_labels,
    )
    check_stimuli(runs, stimulus_ids(dict(zip(params.labels, files.tables, strict=True))))
    write_samples(
        assemble(runs, voxels, members),
        members,
        **dict(output.items()),
        dataset=params.dataset,
        labels=params.labels,
        attributes=attributes,
    )

"""Clean every run of a subject, average its blocks, and write the samples of all runs."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.bdata import write_bdata
from deeprecon.data.ds001506 import check_counts
from deeprecon.data.events import read_events
from deeprecon.data.stimuli import read_stimuli
from deeprecon.preprocess.assemble import (
    assemble,
    check_stimuli,
    roi_table,
    run_samples,
    set_table,
)
from deeprecon.preprocess.confounds import read_confounds
from deeprecon.preprocess.files import read_series, read_voxels, write_table
from deeprecon.preprocess.rois import combine, overlaps
from deeprecon.preprocess.samples import Cleaning

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    subject = snakemake.wildcards.subject
    files, params, output = snakemake.input, snakemake.params, snakemake.output
    cleaning = Cleaning(**params.cleaning)
    voxels = read_voxels(files.voxels)
    members = combine(voxels.members, params.rois)
    runs = []
    for series, confounds, events, name, session in zip(
        files.series, files.confounds, files.events, params.sets, params.sessions, strict=True
    ):
        values, seconds, start = read_series(series)
        n_lead_in = round(cleaning.lead_in / seconds)
        runs.append(
            run_samples(
                values,
                read_confounds(confounds, params.confounds, n_lead_in).to_numpy(float),
                seconds,
                start,
                events=read_events(events),
                set_name=name,
                session=session,
                name=events,
                cleaning=cleaning,
                imagery_labels=params.imagery_labels,
            )
        )
    known = {
        name: read_stimuli(table)["stimulus_id"].tolist()
        for name, table in zip(params.set_names, files.tables, strict=True)
    }
    check_stimuli(runs, known)
    data = assemble(runs, voxels, members)
    counts = set_table(data, subject)
    if params.dataset == "ds001506":
        check_counts(dict(zip(params.labels, counts["n_blocks"], strict=True)), subject)
    write_table(output.sets, counts)
    write_table(output.rois, roi_table(members, subject))
    write_table(output.overlaps, overlaps(members))
    write_bdata(output.samples, data, attributes)

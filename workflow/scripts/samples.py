"""Clean every run of a subject, average its blocks, and write the samples of all runs."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.atomic import replacing
from deeprecon.data.bdata import write_bdata
from deeprecon.data.events import read_events
from deeprecon.preprocess.assemble import assemble, roi_table, run_samples
from deeprecon.preprocess.files import read_run, read_voxels
from deeprecon.preprocess.rois import combine

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    files, params = snakemake.input, snakemake.params
    voxels = read_voxels(files.voxels)
    members = combine(voxels.members, params.rois)
    runs = []
    for series, motion, events, name, session in zip(
        files.series, files.motion, files.events, params.sets, params.sessions, strict=True
    ):
        runs.append(
            run_samples(
                *read_run(series, motion),
                events=read_events(events),
                set_name=name,
                session=session,
                name=events,
                lead_in=params.lead_in,
                delay=params.delay,
                clip=params.clip,
            )
        )
    write_bdata(snakemake.output.samples, assemble(runs, voxels, members), attributes)
    with replacing(snakemake.output.rois) as temporary:
        table = roi_table(members, snakemake.wildcards.subject)
        table.to_csv(temporary, sep="\t", index=False)

"""Take the samples of a subject from the lab's BData files, one a stimulus set."""

from pathlib import Path
from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.bdata import write_bdata
from deeprecon.data.ds001506 import check_counts
from deeprecon.data.events import check_known
from deeprecon.data.labdata import import_samples
from deeprecon.data.stimuli import read_stimuli
from deeprecon.preprocess.assemble import roi_table, set_table, with_rois
from deeprecon.preprocess.files import write_table
from deeprecon.preprocess.rois import overlaps

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    subject = snakemake.wildcards.subject
    files, params, output = snakemake.input, snakemake.params, snakemake.output
    paths = dict(zip(params.set_names, map(Path, files.bdata), strict=True))
    data, members = with_rois(import_samples(paths, params.label), params.rois)
    sets, ids = data.labels("stimulus_set"), data.labels("stimulus_id")
    for (name, path), table in zip(paths.items(), files.tables, strict=True):
        shown = [key for key, of in zip(ids, sets, strict=True) if of == name]
        check_known(shown, read_stimuli(table)["stimulus_id"], str(path))
    counts = set_table(data, subject)
    if params.dataset == "ds001506":
        check_counts(dict(zip(params.labels, counts["n_blocks"], strict=True)), subject)
    write_table(output.sets, counts)
    write_table(output.rois, roi_table(members, subject))
    write_table(output.overlaps, overlaps(members))
    write_bdata(output.samples, data, attributes)

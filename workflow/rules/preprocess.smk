# From scans to samples: one row of voxel values per stimulus block. Samples come from raw scans,
# from derivatives of fMRIPrep or from BData files, and are always in samples/{subject}.h5.


def run_of(wildcards):
    """The BOLD and events files of a run."""
    return study.runs(wildcards.subject)[wildcards.run]


def first_run(wildcards):
    """The run whose mean is the reference of motion correction."""
    return next(iter(study.runs(wildcards.subject).values()))


def as_text(files):
    """File names as strings, as Snakemake needs them."""
    return [str(file) for file in files]


if study.source.has_raw_scans:

    include: "raw.smk"

elif study.source.has_scans:

    include: "fmriprep.smk"


if study.source.has_scans:

    include: "samples.smk"
    include: "quality.smk"

elif settings.input.kind == "bdata":

    include: "bdata.smk"

# From runs read at the ROI voxels to samples.

from deeprecon.preprocess.settings import Cleaning


def mask_paths(wildcards):
    """File of each mask or atlas with a region."""
    return [path for _, path, _ in mask_files(wildcards.subject)]


def mask_names(wildcards):
    """Region of each mask or atlas."""
    return [name for name, _, _ in mask_files(wildcards.subject)]


def mask_labels(wildcards):
    """Labels of the region in each atlas."""
    return [labels for _, _, labels in mask_files(wildcards.subject)]


def on_bold_grid(file):
    """A file, if masks are resampled to the grid of the scans; otherwise none."""
    return file if study.steps.voxel_grid == "bold" else []


rule roi_voxels:
    input:
        masks=mask_paths,
        reference=on_bold_grid(paths.REFERENCE),
        matrix=on_bold_grid(paths.T1W_TO_BOLD),
    output:
        voxels=paths.VOXELS,
    log:
        "<results>/logs/roi_voxels/{subject}.log",
    conda:
        "../../envs/fmri.yaml"
    params:
        code=code("roi_voxels"),
        study=study.name,
        names=mask_names,
        labels=mask_labels,
    script:
        "../scripts/roi_voxels.py"


def names_of_runs(wildcards):
    """Name of each run of a subject."""
    return list(study.runs(wildcards.subject))


def sets_of_runs(wildcards):
    """Stimulus set of each run of a subject."""
    return [study.set_of(run) for run in study.runs(wildcards.subject).values()]


def sessions_of_runs(wildcards):
    """Session of each run of a subject."""
    return [run.session for run in study.runs(wildcards.subject).values()]


def events_of_runs(wildcards):
    """Events file of each run of a subject."""
    return [str(run.events) for run in study.runs(wildcards.subject).values()]


def scans_of_runs(wildcards):
    """Raw scan of each run, if there is one, to compare its length with the events."""
    if not study.source.has_raw_scans:
        return []
    return [str(run.bold) for run in study.runs(wildcards.subject).values()]


def sidecars_of_runs(wildcards):
    """JSON files that describe the raw scans."""
    if not study.source.has_raw_scans:
        return []
    runs = study.runs(wildcards.subject).values()
    found = [str(file) for run in runs for file in study.source.sidecars(run)]
    return list(dict.fromkeys(found))


rule blocks:
    input:
        events=events_of_runs,
        bold=scans_of_runs,
        sidecars=sidecars_of_runs,
        tables=expand(paths.STIMULI, set=study.sets),
    output:
        blocks=paths.BLOCKS,
    log:
        "<results>/logs/blocks/{subject}.log",
    priority: 100
    conda:
        "../../envs/fmri.yaml"
    params:
        code=code("blocks"),
        study=study.name,
        runs=names_of_runs,
        sets=sets_of_runs,
        labels=study.labels,
        dataset=settings.input.dataset,
        imagery_labels=settings.input.imagery_labels,
    script:
        "../scripts/blocks.py"


def of_runs(pattern):
    """A file of each run of a subject, as a function of wildcards."""

    def files(wildcards):
        return [
            pattern.format(subject=wildcards.subject, run=name)
            for name in study.runs(wildcards.subject)
        ]

    return files


rule samples:
    input:
        # Not read: with this input, errors in events stop the study before scans are preprocessed.
        blocks=paths.BLOCKS,
        series=of_runs(paths.RUN["series"]),
        confounds=of_runs(paths.RUN["confounds"]),
        events=events_of_runs,
        voxels=paths.VOXELS,
        tables=expand(paths.STIMULI, set=study.sets),
    output:
        **paths.SAMPLES,
    log:
        "<results>/logs/samples/{subject}.log",
    conda:
        "../../envs/fmri.yaml"
    resources:
        mem_mb=8000,
    params:
        code=code("samples"),
        study=study.name,
        sets=sets_of_runs,
        sessions=sessions_of_runs,
        labels=study.labels,
        dataset=settings.input.dataset,
        imagery_labels=settings.input.imagery_labels,
        rois=settings.rois,
        confounds=study.steps.confounds,
        cleaning=study.steps.model_dump(include=set(Cleaning.model_fields)),
    script:
        "../scripts/samples.py"

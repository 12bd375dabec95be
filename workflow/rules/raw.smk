# From raw scans to runs read at the ROI voxels: motion correction and coregistration.


def first_bold(wildcards):
    """The scan whose first volumes give the reference of motion correction."""
    return str(first_run(wildcards).bold)


rule motion_reference:
    input:
        bold=first_bold,
    output:
        image=paths.REFERENCE,
    log:
        "<results>/logs/motion_reference/{subject}.log",
    conda:
        "../../envs/fmri.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("motion_reference"),
        study=study.name,
        n_volumes=10,
    script:
        "../scripts/motion_reference.py"


def anatomy(wildcards):
    """The T1w image of a subject."""
    return str(study.source.anatomy(wildcards.subject))


def inplane_of_reference(wildcards):
    """The in-plane T2 image for coregistration, if the settings use it."""
    if study.steps.coregistration != "inplane":
        return []
    return str(study.source.inplane(first_run(wildcards)))


rule coregister:
    input:
        reference=paths.REFERENCE,
        t1w=anatomy,
        inplane=inplane_of_reference,
    output:
        matrix=paths.T1W_TO_BOLD,
    log:
        "<results>/logs/coregister/{subject}.log",
    conda:
        "../../envs/fmri.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("coregister"),
        study=study.name,
        method=study.steps.coregistration,
    script:
        "../scripts/coregister.py"


def bold_of_run(wildcards):
    """The scan of a run."""
    return str(run_of(wildcards).bold)


def sidecars_of_run(wildcards):
    """The JSON files that describe a run."""
    return as_text(study.source.sidecars(run_of(wildcards)))


rule realign_run:
    input:
        bold=bold_of_run,
        sidecars=sidecars_of_run,
        reference=paths.REFERENCE,
        matrix=paths.T1W_TO_BOLD,
        voxels=paths.VOXELS,
    output:
        **paths.RUN,
    log:
        "<results>/logs/realign_run/{subject}_{run}.log",
    conda:
        "../../envs/fmri.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code("realign_run"),
        study=study.name,
        motion_correction=study.steps.motion_correction,
        slice_timing=study.steps.slice_timing,
        dummy_scan_duration=study.steps.dummy_scan_duration,
    script:
        "../scripts/realign_run.py"

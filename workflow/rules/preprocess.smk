# From BOLD runs to samples: one row of voxel values for each stimulus block.


def run_of(wildcards):
    """The BOLD and events files of a run."""
    return study.runs(wildcards.subject)[wildcards.run]


def first_run(wildcards):
    """The run whose mean is the reference of motion correction."""
    return str(next(iter(study.runs(wildcards.subject).values())).bold)


rule motion_reference:
    input:
        bold=first_run,
    output:
        image="<results>/preprocess/{subject}/reference.nii.gz",
    log:
        "<results>/logs/motion_reference/{subject}.log",
    params:
        code=code("motion_reference"),
        study=config["study"],
        n_volumes=10,
    resources:
        mem_mb=4000,
    conda:
        "../../envs/fmri.yaml"
    script:
        "../scripts/motion_reference.py"


rule coregister:
    input:
        reference="<results>/preprocess/{subject}/reference.nii.gz",
        t1w=lambda wildcards: str(study.anatomy(wildcards.subject)),
    output:
        matrix="<results>/preprocess/{subject}/t1w_to_bold.txt",
    log:
        "<results>/logs/coregister/{subject}.log",
    params:
        code=code("coregister"),
        study=config["study"],
    resources:
        mem_mb=4000,
    conda:
        "../../envs/fmri.yaml"
    script:
        "../scripts/coregister.py"


rule roi_voxels:
    input:
        masks=lambda wildcards: [
            str(path) for paths in study.masks(wildcards.subject).values() for path in paths
        ],
    output:
        voxels="<results>/preprocess/{subject}/voxels.h5",
    log:
        "<results>/logs/roi_voxels/{subject}.log",
    params:
        code=code("roi_voxels"),
        study=config["study"],
        names=lambda wildcards: [
            name for name, paths in study.masks(wildcards.subject).items() for _ in paths
        ],
    conda:
        "../../envs/fmri.yaml"
    script:
        "../scripts/roi_voxels.py"


rule realign_run:
    input:
        bold=lambda wildcards: str(run_of(wildcards).bold),
        sidecar=lambda wildcards: str(study.sidecar(run_of(wildcards))),
        reference="<results>/preprocess/{subject}/reference.nii.gz",
        matrix="<results>/preprocess/{subject}/t1w_to_bold.txt",
        voxels="<results>/preprocess/{subject}/voxels.h5",
    output:
        series="<results>/preprocess/{subject}/runs/{run}.h5",
        motion="<results>/preprocess/{subject}/runs/{run}_motion.tsv",
    log:
        "<results>/logs/realign_run/{subject}_{run}.log",
    params:
        code=code("realign_run"),
        study=config["study"],
    resources:
        mem_mb=4000,
        runtime=30,
    conda:
        "../../envs/fmri.yaml"
    script:
        "../scripts/realign_run.py"


rule samples:
    input:
        series=lambda wildcards: [
            f"<results>/preprocess/{wildcards.subject}/runs/{name}.h5"
            for name in study.runs(wildcards.subject)
        ],
        motion=lambda wildcards: [
            f"<results>/preprocess/{wildcards.subject}/runs/{name}_motion.tsv"
            for name in study.runs(wildcards.subject)
        ],
        events=lambda wildcards: [
            str(run.events) for run in study.runs(wildcards.subject).values()
        ],
        voxels="<results>/preprocess/{subject}/voxels.h5",
    output:
        samples="<results>/samples/{subject}.h5",
        rois="<results>/samples/{subject}_rois.tsv",
    log:
        "<results>/logs/samples/{subject}.log",
    params:
        code=code("samples"),
        study=config["study"],
        sets=lambda wildcards: [
            study.set_of(run) for run in study.runs(wildcards.subject).values()
        ],
        sessions=lambda wildcards: [
            run.session for run in study.runs(wildcards.subject).values()
        ],
        rois=config["rois"],
        lead_in=config["preprocess"]["lead_in"],
        delay=config["preprocess"]["delay"],
        clip=config["preprocess"]["clip"],
    resources:
        mem_mb=8000,
    conda:
        "../../envs/fmri.yaml"
    script:
        "../scripts/samples.py"

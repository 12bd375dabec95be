# From BOLD runs to samples: one row of voxel values for each stimulus block.


rule motion_reference:
    input:
        bold=first_run,
    output:
        image="<results>/preprocess/{subject}/reference.nii.gz",
    log:
        "<results>/logs/motion_reference/{subject}.log",
    conda:
        "../../envs/fmri.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("motion_reference"),
        study=config["study"],
        n_volumes=10,
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
    conda:
        "../../envs/fmri.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("coregister"),
        study=config["study"],
    script:
        "../scripts/coregister.py"


rule roi_voxels:
    input:
        masks=lambda wildcards: [
            str(path)
            for paths in study.masks(wildcards.subject).values()
            for path in paths
        ],
    output:
        voxels="<results>/preprocess/{subject}/voxels.h5",
    log:
        "<results>/logs/roi_voxels/{subject}.log",
    conda:
        "../../envs/fmri.yaml"
    params:
        code=code("roi_voxels"),
        study=config["study"],
        names=lambda wildcards: [
            name
            for name, paths in study.masks(wildcards.subject).items()
            for _ in paths
        ],
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
    conda:
        "../../envs/fmri.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code("realign_run"),
        study=config["study"],
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
    conda:
        "../../envs/fmri.yaml"
    resources:
        mem_mb=8000,
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
    script:
        "../scripts/samples.py"

# From scans to samples: one row of voxel values for each stimulus block. Three ways in: raw BOLD
# runs, runs preprocessed by fMRIPrep, the lab's BData; one way out: samples/{subject}.h5.

SAMPLES = {
    "samples": "<results>/samples/{subject}.h5",
    "sets": "<results>/samples/{subject}_sets.tsv",
    "rois": "<results>/samples/{subject}_rois.tsv",
    "overlaps": "<results>/samples/{subject}_overlaps.tsv",
}
RUN = {
    "series": "<results>/preprocess/{subject}/runs/{run}.h5",
    "confounds": "<results>/preprocess/{subject}/runs/{run}_confounds.tsv",
    "quality": "<results>/preprocess/{subject}/runs/{run}_quality.h5",
}


if study.kind in ("simulate", "bids"):

    rule motion_reference:
        input:
            bold=lambda wildcards: str(first_run(wildcards).bold),
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
            t1w=lambda wildcards: str(study.source.anatomy(wildcards.subject)),
            inplane=inplane_of_reference,
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
            method=config["preprocess"]["coregistration"],
        script:
            "../scripts/coregister.py"

    rule realign_run:
        input:
            bold=lambda wildcards: str(run_of(wildcards).bold),
            sidecars=lambda wildcards: paths(study.source.sidecars(run_of(wildcards))),
            reference="<results>/preprocess/{subject}/reference.nii.gz",
            matrix="<results>/preprocess/{subject}/t1w_to_bold.txt",
            voxels="<results>/preprocess/{subject}/voxels.h5",
        output:
            **RUN,
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
            motion_correction=config["preprocess"]["motion_correction"],
            slice_timing=config["preprocess"]["slice_timing"],
            lead_in=config["preprocess"]["lead_in"],
        script:
            "../scripts/realign_run.py"

elif study.kind == "fmriprep":

    rule fmriprep_reference:
        input:
            run=lambda wildcards: fmriprep_inputs(first_run(wildcards)),
            t1w=lambda wildcards: paths(study.source.anatomy_inputs(wildcards.subject)),
        output:
            image="<results>/preprocess/{subject}/reference.nii.gz",
            t1w="<results>/preprocess/{subject}/T1w.nii.gz",
            matrix="<results>/preprocess/{subject}/t1w_to_bold.txt",
        log:
            "<results>/logs/fmriprep_reference/{subject}.log",
        conda:
            "../../envs/fmri.yaml"
        resources:
            mem_mb=4000,
        params:
            code=code("fmriprep_reference"),
            study=config["study"],
            derivatives=str(study.source.derivatives),
            space=study.source.space,
            run=lambda wildcards: first_run(wildcards),
            n_volumes=10,
        script:
            "../scripts/fmriprep_reference.py"

    rule read_fmriprep_run:
        input:
            run=lambda wildcards: fmriprep_inputs(run_of(wildcards)),
            reference="<results>/preprocess/{subject}/reference.nii.gz",
            voxels="<results>/preprocess/{subject}/voxels.h5",
        output:
            **RUN,
        log:
            "<results>/logs/read_fmriprep_run/{subject}_{run}.log",
        conda:
            "../../envs/fmri.yaml"
        resources:
            mem_mb=4000,
            runtime=30,
        params:
            code=code("read_fmriprep_run"),
            study=config["study"],
            derivatives=str(study.source.derivatives),
            space=study.source.space,
            run=lambda wildcards: run_of(wildcards),
            lead_in=config["preprocess"]["lead_in"],
        script:
            "../scripts/read_fmriprep_run.py"


if study.kind == "bdata":

    rule import_samples:
        input:
            bdata=lambda wildcards: [
                str(study.source.files(wildcards.subject)[name]) for name in study.sets
            ],
            tables=expand("<results>/stimuli/{set}.tsv", set=study.sets),
        output:
            **SAMPLES,
        log:
            "<results>/logs/import_samples/{subject}.log",
        conda:
            "../../envs/fmri.yaml"
        resources:
            mem_mb=8000,
        params:
            code=code("import_samples"),
            study=config["study"],
            set_names=list(study.sets),
            labels=list(study.sets.values()),
            label=config["input"].get("label"),
            dataset=config["input"]["dataset"],
            rois=config["rois"],
        script:
            "../scripts/import_samples.py"

else:

    rule roi_voxels:
        input:
            masks=lambda wildcards: [
                path for _, path, _ in mask_files(wildcards.subject)
            ],
            reference=lambda wildcards: if_bold_grid(
                f"<results>/preprocess/{wildcards.subject}/reference.nii.gz"
            ),
            matrix=lambda wildcards: if_bold_grid(
                f"<results>/preprocess/{wildcards.subject}/t1w_to_bold.txt"
            ),
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
                name for name, _, _ in mask_files(wildcards.subject)
            ],
            labels=lambda wildcards: [
                labels for _, _, labels in mask_files(wildcards.subject)
            ],
        script:
            "../scripts/roi_voxels.py"

    rule blocks:
        input:
            events=lambda wildcards: events_of_runs(wildcards),
            bold=lambda wildcards: scans_of_runs(wildcards),
            sidecars=lambda wildcards: sidecars_of_runs(wildcards),
            tables=expand("<results>/stimuli/{set}.tsv", set=study.sets),
        output:
            blocks="<results>/preprocess/{subject}/blocks.tsv",
        log:
            "<results>/logs/blocks/{subject}.log",
        priority: 100
        conda:
            "../../envs/fmri.yaml"
        params:
            code=code("blocks"),
            study=config["study"],
            runs=lambda wildcards: list(study.runs(wildcards.subject)),
            sets=lambda wildcards: sets_of_runs(wildcards),
            set_names=list(study.sets),
            labels=list(study.sets.values()),
            dataset=config["input"]["dataset"],
            imagery_labels=config["input"]["imagery_labels"],
        script:
            "../scripts/blocks.py"

    rule samples:
        input:
            # Not read: mistakes in events end the study there, hours before they would here.
            blocks="<results>/preprocess/{subject}/blocks.tsv",
            series=lambda wildcards: of_runs(wildcards, RUN["series"]),
            confounds=lambda wildcards: of_runs(wildcards, RUN["confounds"]),
            events=lambda wildcards: events_of_runs(wildcards),
            voxels="<results>/preprocess/{subject}/voxels.h5",
            tables=expand("<results>/stimuli/{set}.tsv", set=study.sets),
        output:
            **SAMPLES,
        log:
            "<results>/logs/samples/{subject}.log",
        conda:
            "../../envs/fmri.yaml"
        resources:
            mem_mb=8000,
        params:
            code=code("samples"),
            study=config["study"],
            sets=lambda wildcards: sets_of_runs(wildcards),
            sessions=lambda wildcards: [
                run.session for run in study.runs(wildcards.subject).values()
            ],
            set_names=list(study.sets),
            labels=list(study.sets.values()),
            dataset=config["input"]["dataset"],
            imagery_labels=config["input"]["imagery_labels"],
            rois=config["rois"],
            confounds=config["preprocess"]["confounds"],
            cleaning=cleaning_settings(),
        script:
            "../scripts/samples.py"

    rule quality_page:
        input:
            quality=lambda wildcards: of_runs(wildcards, RUN["quality"]),
            reference="<results>/preprocess/{subject}/reference.nii.gz",
            matrix="<results>/preprocess/{subject}/t1w_to_bold.txt",
            t1w=lambda wildcards: drawn_t1w(wildcards),
            voxels="<results>/preprocess/{subject}/voxels.h5",
            sets="<results>/samples/{subject}_sets.tsv",
            overlaps="<results>/samples/{subject}_overlaps.tsv",
        output:
            page=report(
                "<results>/report/quality_{subject}.html",
                caption="../report/quality.rst",
                category="Quality of the scans",
                labels={"subject": "{subject}"},
            ),
        log:
            "<results>/logs/quality_page/{subject}.log",
        conda:
            "../../envs/fmri.yaml"
        resources:
            mem_mb=6000,
        params:
            code=code("quality_page", *PAGE_PARTS, "deeprecon/report/quality.html"),
            study=config["study"],
            runs=lambda wildcards: list(study.runs(wildcards.subject)),
            sets=lambda wildcards: sets_of_runs(wildcards),
            rois=config["rois"],
            simulated=study.simulated,
        script:
            "../scripts/quality_page.py"

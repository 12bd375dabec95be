# Where scans and stimuli come from: the simulator, fMRIPrep in a container, or the user's folders.

BIDS_RUN = "<results>/bids/{subject}/{session}/func/{subject}_{session}_task-{task}_run-{number}"


if study.simulated:

    rule simulate_stimuli:
        output:
            tables=expand("<results>/stimuli/{set}.tsv", set=study.sets),
            images=[directory(f"<results>/stimuli/{name}") for name in study.sets],
        log:
            "<results>/logs/simulate_stimuli.log",
        conda:
            "../../envs/torch.yaml"
        params:
            code=code("simulate_stimuli"),
            study=config["study"],
            sets=list(study.sets),
            size=config["image_size"],
            n_training_images=config["input"]["simulate"]["n_training_images"],
            seed=config["seed"],
        script:
            "../scripts/simulate_stimuli.py"

    rule simulate_dataset:
        output:
            description="<results>/bids/dataset_description.json",
            participants="<results>/bids/participants.tsv",
            readme="<results>/bids/README.md",
            sidecars=expand(
                "<results>/bids/task-{task}_{suffix}.json",
                task=study.tasks,
                suffix=("bold", "events"),
            ),
        log:
            "<results>/logs/simulate_dataset.log",
        conda:
            "../../envs/fmri.yaml"
        params:
            code=code("simulate_dataset"),
            study=config["study"],
            subjects=study.subjects,
            tasks=study.tasks,
        script:
            "../scripts/simulate_dataset.py"

    rule simulate_brain:
        input:
            tables=expand("<results>/stimuli/{set}.tsv", set=study.sets),
        output:
            t1w="<results>/bids/{subject}/ses-anatomy/anat/{subject}_ses-anatomy_T1w.nii.gz",
            masks=[path for _, path, _ in mask_files("{subject}")],
            truth="<results>/truth/{subject}/brain.h5",
        log:
            "<results>/logs/simulate_brain/{subject}.log",
        conda:
            "../../envs/fmri.yaml"
        resources:
            mem_mb=3000,
        params:
            code=code("simulate_brain"),
            study=config["study"],
            sets=list(study.sets),
            image=image_settings(),
            brain=brain_settings(),
            seed=config["seed"],
        script:
            "../scripts/simulate_brain.py"

    rule simulate_inplane:
        output:
            image="<results>/bids/{subject}/{session}/anat/{subject}_{session}_inplaneT2.nii.gz",
        log:
            "<results>/logs/simulate_inplane/{subject}_{session}.log",
        conda:
            "../../envs/fmri.yaml"
        resources:
            mem_mb=3000,
        params:
            code=code("simulate_inplane"),
            study=config["study"],
            voxel_size=config["input"]["simulate"]["voxel_size"],
            seed=config["seed"],
        script:
            "../scripts/simulate_inplane.py"

    rule simulate_run:
        input:
            truth="<results>/truth/{subject}/brain.h5",
            table=lambda wildcards: f"<results>/stimuli/{place_of_run(wildcards)[0]}.tsv",
        output:
            bold=f"{BIDS_RUN}_bold.nii.gz",
            events=f"{BIDS_RUN}_events.tsv",
            motion="<results>/truth/{subject}/{session}_task-{task}_run-{number}.h5",
        log:
            "<results>/logs/simulate_run/{subject}_{session}_task-{task}_run-{number}.log",
        conda:
            "../../envs/fmri.yaml"
        resources:
            mem_mb=1500,
        params:
            code=code("simulate_run"),
            study=config["study"],
            place=lambda wildcards: place_of_run(wildcards),
            brain=brain_settings(),
            seed=config["seed"],
        script:
            "../scripts/simulate_run.py"

else:

    rule import_stimuli:
        input:
            table=f"{config['input']['stimuli']}/{{set}}.tsv",
        output:
            table="<results>/stimuli/{set}.tsv",
            images=directory("<results>/stimuli/{set}"),
        log:
            "<results>/logs/import_stimuli/{set}.log",
        conda:
            "../../envs/torch.yaml"
        params:
            code=code("import_stimuli"),
            study=config["study"],
        script:
            "../scripts/import_stimuli.py"


if "run_fmriprep" in config["input"]:

    rule fmriprep:
        input:
            bids=config["input"]["bids"],
            license=config["input"]["run_fmriprep"]["license"],
        output:
            derivatives=directory("<results>/fmriprep/{subject}"),
        log:
            "<results>/logs/fmriprep/{subject}.log",
        retries: 1
        threads: 8
        resources:
            mem_mb=32000,
            runtime=1440,
        shell:
            container_command() + " > {log} 2>&1"

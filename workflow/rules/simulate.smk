# A simulated study: its stimuli, and a BIDS data set of simulated scans.

from deeprecon.data.simulate.settings import Physiology


rule simulate_stimuli:
    output:
        tables=expand(paths.STIMULI, set=study.sets),
        images=[directory(f"<results>/stimuli/{name}") for name in study.sets],
    log:
        "<results>/logs/simulate_stimuli.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("simulate_stimuli"),
        study=study.name,
        sets=list(study.sets),
        size=settings.image_size,
        n_training_images=settings.input.simulate.n_training_images,
        seed=study.seed,
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
        study=study.name,
        subjects=study.subjects,
        tasks=study.tasks,
    script:
        "../scripts/simulate_dataset.py"


def physiology():
    """Settings of the simulated brain and scanner."""
    return settings.input.simulate.model_dump(include=set(Physiology.model_fields))


rule simulate_brain:
    input:
        tables=expand(paths.STIMULI, set=study.sets),
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
        study=study.name,
        sets=list(study.sets),
        image=image_settings(),
        physiology=physiology(),
        seed=study.seed,
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
        study=study.name,
        voxel_size=settings.input.simulate.voxel_size,
        seed=study.seed,
    script:
        "../scripts/simulate_inplane.py"


def run_index(wildcards):
    """(set, index in the set, number of runs in the set) of a run."""
    name = f"{wildcards.session}_task-{wildcards.task}_run-{wildcards.number}"
    return study.run_index(wildcards.subject, name)


def table_of_run(wildcards):
    """The stimulus table of a run."""
    return paths.STIMULI.format(set=run_index(wildcards)[0])


rule simulate_run:
    input:
        truth="<results>/truth/{subject}/brain.h5",
        table=table_of_run,
    output:
        bold=f"{paths.BIDS_RUN}_bold.nii.gz",
        events=f"{paths.BIDS_RUN}_events.tsv",
        motion="<results>/truth/{subject}/{session}_task-{task}_run-{number}.h5",
    log:
        "<results>/logs/simulate_run/{subject}_{session}_task-{task}_run-{number}.log",
    conda:
        "../../envs/fmri.yaml"
    resources:
        mem_mb=1500,
    params:
        code=code("simulate_run"),
        study=study.name,
        run_index=run_index,
        physiology=physiology(),
        seed=study.seed,
    script:
        "../scripts/simulate_run.py"

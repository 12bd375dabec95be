# From derivatives of fMRIPrep to runs read at the ROI voxels; optionally runs fMRIPrep.

from deeprecon.data.fmriprep import fmriprep_command

if settings.input.run_fmriprep:

    def container_command():
        """The command that runs fMRIPrep; Snakemake fills in subject, threads and memory."""
        given = settings.input.run_fmriprep
        return fmriprep_command(
            engine=given.engine,
            image=given.image,
            bids=settings.input.bids,
            output=f"results/{study.name}/fmriprep",
            work=given.work,
            license=given.license,
            subject="{wildcards.subject}",
            space=settings.input.space,
            threads="{threads}",
            mem_mb="{resources.mem_mb}",
            extra=given.extra,
        )

    rule fmriprep:
        input:
            bids=settings.input.bids,
            license=settings.input.run_fmriprep.license,
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


def files_of_first_run(wildcards):
    """The derivatives of the run that the quality report shows."""
    return as_text(study.source.inputs(first_run(wildcards)))


def preprocessed_anatomy(wildcards):
    """The preprocessed T1w image of a subject."""
    return as_text(study.source.anatomy_inputs(wildcards.subject))


rule fmriprep_reference:
    input:
        run=files_of_first_run,
        t1w=preprocessed_anatomy,
    output:
        image=paths.REFERENCE,
        t1w=paths.T1W,
        matrix=paths.T1W_TO_BOLD,
    log:
        "<results>/logs/fmriprep_reference/{subject}.log",
    conda:
        "../../envs/fmri.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("fmriprep_reference"),
        study=study.name,
        derivatives=str(study.source.derivatives),
        space=study.source.space,
        run=first_run,
        n_volumes=10,
    script:
        "../scripts/fmriprep_reference.py"


def files_of_run(wildcards):
    """The derivatives of a run."""
    return as_text(study.source.inputs(run_of(wildcards)))


rule read_fmriprep_run:
    input:
        run=files_of_run,
        reference=paths.REFERENCE,
        voxels=paths.VOXELS,
    output:
        **paths.RUN,
    log:
        "<results>/logs/read_fmriprep_run/{subject}_{run}.log",
    conda:
        "../../envs/fmri.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code("read_fmriprep_run"),
        study=study.name,
        derivatives=str(study.source.derivatives),
        space=study.source.space,
        run=run_of,
        dummy_scan_duration=study.steps.dummy_scan_duration,
    script:
        "../scripts/read_fmriprep_run.py"

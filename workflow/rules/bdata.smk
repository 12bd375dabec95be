# From BData files of the Kamitani lab to samples.


def bdata_files(wildcards):
    """The BData file of each stimulus set."""
    files = study.source.files(wildcards.subject)
    return [str(files[name]) for name in study.sets]


rule import_samples:
    input:
        bdata=bdata_files,
        tables=expand(paths.STIMULI, set=study.sets),
    output:
        **paths.SAMPLES,
    log:
        "<results>/logs/import_samples/{subject}.log",
    conda:
        "../../envs/fmri.yaml"
    resources:
        mem_mb=8000,
    params:
        code=code("import_samples"),
        study=study.name,
        labels=study.labels,
        label=settings.input.label,
        dataset=settings.input.dataset,
        rois=settings.rois,
    script:
        "../scripts/import_samples.py"

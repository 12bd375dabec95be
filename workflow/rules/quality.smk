# One quality report per subject.


def drawn_t1w(wildcards):
    """The T1w image in the quality report."""
    if not study.source.has_raw_scans:
        return paths.T1W.format(subject=wildcards.subject)
    return str(study.source.anatomy(wildcards.subject))


rule quality_page:
    input:
        quality=of_runs(paths.RUN["quality"]),
        reference=paths.REFERENCE,
        matrix=paths.T1W_TO_BOLD,
        t1w=drawn_t1w,
        voxels=paths.VOXELS,
        sets=paths.SAMPLES["sets"],
        overlaps=paths.SAMPLES["overlaps"],
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
        code=code("quality_page"),
        study=study.name,
        runs=names_of_runs,
        sets=sets_of_runs,
        rois=settings.rois,
        simulated=study.simulated,
    script:
        "../scripts/quality_page.py"

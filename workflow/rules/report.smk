# The report page of the study.


def of_sets(kind, sets=compare.shown_sets(study)):
    """A figure of each reconstructed set, or of the given sets."""
    return expand(f"<results>/report/{kind}_{{set}}.png", set=sets)


def of_samples(table):
    """A table about the samples of each subject, if there are brain data."""
    subjects = [] if settings.input.kind == "decoded" else study.subjects
    return expand(paths.SAMPLES[table], subject=subjects)


def quality_reports():
    """The quality report of each subject, if there are scans."""
    subjects = study.subjects if study.source.has_scans else []
    return expand("<results>/report/quality_{subject}.html", subject=subjects)


def decoding_figures():
    """Figures of decoding accuracy; the last one needs decoders trained on fewer images."""
    axes = ["layer", "region", "repetitions"]
    axes += ["training"] if retrained("{decoder}") else []
    return expand("<results>/report/decoding_by_{axis}.png", axis=axes)


rule page:
    input:
        galleries=of_sets("gallery"),
        comparisons=of_sets("comparison", compare.compared_sets(study)),
        losses=of_sets("losses"),
        snapshots=of_sets("snapshots"),
        decoding=decoding_figures(),
        identification="<results>/report/identification.png",
        scores="<results>/evaluation/scores.tsv",
        vividness="<results>/evaluation/vividness.tsv",
        pairs="<results>/evaluation/comparisons.tsv",
        over_subjects="<results>/evaluation/subjects.tsv",
        checks="<results>/validity/checks.tsv",
        checks_figure="<results>/report/checks.png",
        check_values="<results>/report/check_values.png",
        stimuli=expand(paths.STIMULI, set=study.sets),
        weights=[network_weights()],
        rois=of_samples("rois"),
        reliability="<results>/decoded/reliability.tsv",
        samples=of_samples("sets"),
        quality=quality_reports(),
        judge=["<results>/judge/index.html"] if settings.judge else [],
    output:
        page="<results>/report/index.html",
        settings="<results>/report/settings.yaml",
    log:
        "<results>/logs/page.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("page"),
        study=study.name,
        settings=settings.model_dump(mode="json", by_alias=True, exclude_none=True),
        subjects=study.subjects,
        sets=compare.shown_sets(study),
        compared=compare.compared_sets(study),
        simulated=study.simulated,
    script:
        "../scripts/page.py"

# Human judgement: the page for raters and their answers; their analysis is in judgement.smk.

from deeprecon.judge.ratings.reading import rating_files
from deeprecon.judge.texts import LANGUAGES


def sent_files(wildcards):
    """The rating files: the analysis reruns whenever one is added or removed."""
    found = rating_files(RATINGS)
    return [str(file) for file in found if file.is_file() and not file.is_symlink()]


if settings.judge:
    ASKED = settings.judge.model_dump()
    RATINGS = settings.judge.ratings or f"results/{study.name}/judge/ratings"
    JUDGED = [str(target) for target in study.judged()]
    JUDGED_RECON = [f"<results>/recon/{name}.h5" for name in JUDGED]
    TEST_STIMULI = expand(paths.STIMULI, set=study.test_sets)

    # Updated in place, because a key with ratings must not get lost.
    rule study_page:
        input:
            recon=JUDGED_RECON,
            tables=TEST_STIMULI,
            training=paths.TRAINING_STIMULI,
            texts=[] if ASKED["language"] in LANGUAGES else ASKED["language"],
        output:
            page=update("<results>/judge/index.html"),
            trials=update("<results>/judge/trials.tsv"),
            study=update("<results>/judge/study.json"),
            power="<results>/judge/power.tsv",
        log:
            "<results>/logs/study_page.log",
        conda:
            "../../envs/torch.yaml"
        params:
            code=code("study_page"),
            study=study.name,
            targets=JUDGED,
            tasks=ASKED["tasks"],
            n_raters=ASKED["n_raters"],
            title=ASKED["title"],
            consent=ASKED["consent"],
            language=ASKED["language"],
            completion_url=ASKED["completion_url"],
            folder=RATINGS,
            seed=study.seed,
        script:
            "../scripts/study_page.py"

    # Logs the limits for excluding raters, which must not be chosen after the ratings.
    rule freeze_rules:
        output:
            rules=update("<results>/judge/rules.tsv"),
        log:
            "<results>/logs/freeze_rules.log",
        conda:
            "../../envs/torch.yaml"
        params:
            code=code("freeze_rules"),
            study=study.name,
            rules=ASKED["rules"],
            folder=RATINGS,
        script:
            "../scripts/freeze_rules.py"

    rule ratings:
        input:
            trials="<results>/judge/trials.tsv",
            rules="<results>/judge/rules.tsv",
            files=sent_files,
        output:
            responses="<results>/judge/responses.tsv",
            raters="<results>/judge/raters.tsv",
            findings="<results>/judge/findings.tsv",
        log:
            "<results>/logs/ratings.log",
        conda:
            "../../envs/torch.yaml"
        params:
            code=code("ratings"),
            study=study.name,
            rules=ASKED["rules"],
            folder=RATINGS,
        script:
            "../scripts/ratings.py"

    include: "judgement.smk"

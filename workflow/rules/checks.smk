# Checks of reconstructed images, and all checks of the study in one table.


rule check_images:
    input:
        recon=f"{paths.RECON}.h5",
        folder=paths.RECON,
        baselines=paths.BASELINES,
        true_features=f"{paths.TRUE_FEATURES}.h5",
        table=paths.STIMULI,
        training=paths.TRAINING_STIMULI,
    output:
        checks=paths.IMAGE_CHECKS,
    log:
        "<results>/logs/check_images/{subject}_{roi}_{method}_{set}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("check_images", *settings.evaluate.checks),
        study=study.name,
        image=image_settings(),
        checks=settings.evaluate.checks,
        seed=study.seed,
    script:
        "../scripts/check_images.py"


def check_files():
    """Tables of the checks of all parts of the study."""
    targets = [t for t in study.targets() if not study.is_control(t.method)]
    return [
        "<results>/validity/stimuli.tsv",
        *[
            paths.DECODING_CHECKS.format(subject=subject, roi=roi, decoder=decoder)
            for subject in study.subjects
            for roi, decoder in study.trained()
        ],
        *retrained(paths.RETRAINED_CHECKS),
        *[paths.IMAGE_CHECKS.format(**t._asdict()) for t in targets],
    ]


rule checks:
    input:
        checks=check_files(),
        scores="<results>/evaluation/scores.tsv",
        images="<results>/evaluation/image_scores.tsv",
    output:
        checks="<results>/validity/checks.tsv",
        figure=report(
            "<results>/report/checks.png",
            caption="../report/checks.rst",
            category="Evaluation",
        ),
        values="<results>/report/check_values.png",
    log:
        "<results>/logs/checks.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("checks"),
        study=study.name,
        control=settings.evaluate.permuted_control,
        retrained=settings.evaluate.retrain,
        simulated=study.simulated,
    script:
        "../scripts/checks.py"

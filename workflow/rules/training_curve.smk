# Decoding accuracy by the amount of training data.


rule training_curve:
    input:
        samples=paths.SAMPLES["samples"],
        sampled=SAMPLED_UNITS.format(set="train"),
        tests=expand(SAMPLED_UNITS, set=study.test_sets),
        settings=paths.CROSS_VALIDATION,
    output:
        table=f"{paths.DECODER}/training_curve.tsv",
    log:
        "<results>/logs/training_curve/{subject}_{roi}_{decoder}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=6000,
        runtime=120,
    params:
        code=decoder_code("training_curve"),
        study=study.name,
        sets=study.test_sets,
        model=model_settings,
        layers=decoded_layers,
        seed=study.seed,
    script:
        "../scripts/training_curve.py"


def retrained(pattern):
    """A file of each decoder that is retrained, if the settings request it."""
    if not settings.evaluate.retrain:
        return []
    return [
        pattern.format(subject=subject, roi=roi, decoder=decoder)
        for subject in study.subjects
        for roi, decoder in study.trained()
        if not study.decoders[decoder].permute_labels
    ]


rule training_curves:
    input:
        tables=retrained(f"{paths.DECODER}/training_curve.tsv"),
    output:
        table="<results>/decoded/training_curve.tsv",
        figure=report(
            "<results>/report/decoding_by_training.png",
            caption="../report/training.rst",
            category="Decoding",
        ),
    log:
        "<results>/logs/training_curves.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("training_curves"),
        study=study.name,
        simulated=study.simulated,
    script:
        "../scripts/training_curves.py"

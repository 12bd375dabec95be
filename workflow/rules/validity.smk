# Checks of stimuli and decoders that could expose a flawed study.


def labelled_imagery():
    """Sets of imagery with the labels of ds001506."""
    known = settings.input.dataset == "ds001506"
    return [name for name in study.test_sets if known and study.imagined(name)]


rule check_stimuli:
    input:
        tables=expand(paths.STIMULI, set=study.test_sets),
        training=paths.TRAINING_STIMULI,
        sampled=SAMPLED_UNITS.format(set="train"),
        tests=expand(SAMPLED_UNITS, set=study.test_sets),
    output:
        checks="<results>/validity/stimuli.tsv",
    log:
        "<results>/logs/check_stimuli.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("check_stimuli"),
        study=study.name,
        sets=study.test_sets,
        imagined=labelled_imagery(),
        layers=study.layers,
        image=image_settings(),
        seed=study.seed,
    script:
        "../scripts/check_stimuli.py"


rule check_decoding:
    input:
        samples=paths.SAMPLES["samples"],
        region=paths.REGION,
        stimuli=paths.TRAINING_STIMULI,
        statistics=STATISTICS,
        sampled=SAMPLED_UNITS.format(set="train"),
        tests=expand(SAMPLED_UNITS, set=study.test_sets),
        decoded=files_to_score(paths.DECODED),
    output:
        checks=paths.DECODING_CHECKS,
    log:
        "<results>/logs/check_decoding/{subject}_{roi}_{decoder}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=6000,
    params:
        code=code("check_decoding"),
        study=study.name,
        sets=study.test_sets,
        decoded=decoded_files,
        layers=study.layers,
        tuning=list(map(str, rules.cross_validate.input)),
        n_folds=settings.cross_validation.n_folds,
        hold_out=settings.cross_validation.hold_out,
        seed=study.seed,
    script:
        "../scripts/check_decoding.py"


rule check_retrained:
    input:
        samples=paths.SAMPLES["samples"],
        sampled=SAMPLED_UNITS.format(set="train"),
        tests=expand(SAMPLED_UNITS, set=study.test_sets),
        settings=paths.CROSS_VALIDATION,
    output:
        checks=paths.RETRAINED_CHECKS,
    log:
        "<results>/logs/check_retrained/{subject}_{roi}_{decoder}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=6000,
        runtime=120,
    params:
        code=decoder_code("check_retrained"),
        study=study.name,
        sets=study.test_sets,
        model=model_settings,
        layers=decoded_layers,
        seed=study.seed,
    script:
        "../scripts/check_retrained.py"

# Checks that could unmask a study: PASS, WARN, FAIL or NOT RUN, each with its number.


rule check_stimuli:
    input:
        tables=expand("<results>/stimuli/{set}.tsv", set=study.test_sets),
        training="<results>/stimuli/train.tsv",
        sampled=f"{FEATURES}/train/sampled_units.h5",
        tests=expand(f"{FEATURES}/{{set}}/sampled_units.h5", set=study.test_sets),
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
        study=config["study"],
        sets=study.test_sets,
        imagined=[name for name in study.test_sets if study.imagined(name)],
        dataset=config["input"].get("dataset"),
        layers=study.layers,
        image=image_settings(),
        seed=config["seed"],
    script:
        "../scripts/check_stimuli.py"


rule check_decoding:
    input:
        samples="<results>/samples/{subject}.h5",
        region=REGION,
        stimuli="<results>/stimuli/train.tsv",
        statistics=f"{FEATURES}/statistics.h5",
        sampled=f"{FEATURES}/train/sampled_units.h5",
        tests=expand(f"{FEATURES}/{{set}}/sampled_units.h5", set=study.test_sets),
        decoded=lambda wildcards: [
            f"{DECODED}/{name}/{layer}.h5".format(**wildcards)
            for name, layer in decoded_files(wildcards)
        ],
    output:
        checks="<results>/validity/decoding/{subject}/{roi}/{decoder}.tsv",
    log:
        "<results>/logs/check_decoding/{subject}_{roi}_{decoder}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=6000,
    params:
        code=code("check_decoding"),
        study=config["study"],
        sets=study.test_sets,
        decoded=lambda wildcards: decoded_files(wildcards),
        layers=study.layers,
        tuning=paths(rules.cross_validate.input),
        n_folds=config["cross_validation"]["n_folds"],
        hold_out=config["cross_validation"]["hold_out"],
        seed=config["seed"],
    script:
        "../scripts/check_decoding.py"


rule check_retrained:
    input:
        samples="<results>/samples/{subject}.h5",
        sampled=f"{FEATURES}/train/sampled_units.h5",
        tests=expand(f"{FEATURES}/{{set}}/sampled_units.h5", set=study.test_sets),
        settings=f"{DECODED}/cross_validation.tsv",
    output:
        checks="<results>/validity/retrained/{subject}/{roi}/{decoder}.tsv",
    log:
        "<results>/logs/check_retrained/{subject}_{roi}_{decoder}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=6000,
        runtime=120,
    params:
        code=code("check_retrained"),
        study=config["study"],
        sets=study.test_sets,
        layers=lambda wildcards: study.layers_of(wildcards.roi, wildcards.decoder),
        seed=config["seed"],
    script:
        "../scripts/check_retrained.py"


rule check_images:
    input:
        recon="<results>/recon/{subject}/{roi}/{method}/{set}.h5",
        folder="<results>/recon/{subject}/{roi}/{method}/{set}",
        baselines="<results>/baselines/{subject}/{roi}/{method}/{set}.h5",
        ceiling="<results>/ceiling/{method}/{set}.h5",
        table="<results>/stimuli/{set}.tsv",
        training="<results>/stimuli/train.tsv",
    output:
        checks="<results>/validity/images/{subject}/{roi}/{method}/{set}.tsv",
    log:
        "<results>/logs/check_images/{subject}_{roi}_{method}_{set}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("check_images"),
        study=config["study"],
        image=image_settings(),
        seed=config["seed"],
    script:
        "../scripts/check_images.py"


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
        study=config["study"],
        floor=config["evaluate"].get("floor"),
        retrained=config["evaluate"]["retrain"],
        simulated=study.simulated,
    script:
        "../scripts/checks.py"

# How like the originals the reconstructions are, with floors, ceilings, intervals and p-values.


rule encode:
    input:
        region=REGION,
        sampled=f"{FEATURES}/train/sampled_units.h5",
        stimuli="<results>/stimuli/train.tsv",
    output:
        model="<results>/evaluation/{subject}/{roi}/encoding.h5",
    log:
        "<results>/logs/encode/{subject}_{roi}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=6000,
    params:
        code=code("encode"),
        study=config["study"],
        layers=study.layers,
        n_folds=config["cross_validation"]["n_folds"],
        hold_out=config["cross_validation"]["hold_out"],
        seed=config["seed"],
    script:
        "../scripts/encode.py"


rule mean_features:
    input:
        statistics=f"{FEATURES}/statistics.h5",
    output:
        features=expand("<results>/mean/features/{layer}.h5", layer=study.layers),
    log:
        "<results>/logs/mean_features.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("mean_features"),
        study=config["study"],
        layers=study.layers,
    script:
        "../scripts/mean_features.py"


use rule reconstruct as reconstruct_mean with:
    input:
        targets=lambda wildcards: [
            f"<results>/mean/features/{layer}.h5"
            for layer in study.methods[wildcards.method]["layers"]
        ],
        statistics=f"{FEATURES}/statistics.h5",
        weights=network_weights(),
        generator=lambda wildcards: generator_of(wildcards),
    output:
        images=directory("<results>/mean/images/{method}"),
        result="<results>/mean/images/{method}.h5",
    log:
        "<results>/logs/reconstruct_mean/{method}.log",
    benchmark:
        "<results>/benchmarks/reconstruct_mean/{method}.tsv"


rule baselines:
    input:
        recon="<results>/recon/{subject}/{roi}/{method}/{set}.h5",
        mean_features=lambda wildcards: mean_features_file(wildcards),
        targets=lambda wildcards: target_files(wildcards),
        table="<results>/stimuli/{set}.tsv",
        training="<results>/stimuli/train.tsv",
        sampled=f"{FEATURES}/train/sampled_units.h5",
    output:
        pictures="<results>/baselines/{subject}/{roi}/{method}/{set}.h5",
    log:
        "<results>/logs/baselines/{subject}_{roi}_{method}_{set}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("baselines"),
        study=config["study"],
        layers=lambda wildcards: study.methods[wildcards.method]["layers"],
        image=image_settings(),
        seed=config["seed"],
    script:
        "../scripts/baselines.py"


rule evaluate:
    input:
        recon=lambda wildcards: [
            f"<results>/recon/{wildcards.subject}/{wildcards.roi}/{wildcards.method}/{name}.h5"
            for name in study.methods[wildcards.method]["sets"]
        ],
        floor=lambda wildcards: floor_files(wildcards).values(),
        ceiling=lambda wildcards: ceiling_files(wildcards).values(),
        half_1=lambda wildcards: half_pictures(wildcards, 1),
        half_2=lambda wildcards: half_pictures(wildcards, 2),
        baselines=lambda wildcards: [
            f"<results>/baselines/{wildcards.subject}/{wildcards.roi}/{wildcards.method}/{name}.h5"
            for name in study.methods[wildcards.method]["sets"]
        ],
        encoding=lambda wildcards: of_brain(
            wildcards, "<results>/evaluation/{subject}/{roi}/encoding.h5"
        ),
        region=lambda wildcards: of_brain(wildcards, REGION),
        tables=lambda wildcards: [
            f"<results>/stimuli/{name}.tsv"
            for name in study.methods[wildcards.method]["sets"]
        ],
        training="<results>/stimuli/train.tsv",
        sampled=f"{FEATURES}/train/sampled_units.h5",
        weights=network_weights(),
        perceptual=perceptual_files(),
    output:
        scores="<results>/evaluation/{subject}/{roi}/{method}.tsv",
        images="<results>/evaluation/{subject}/{roi}/images/{method}.tsv",
    log:
        "<results>/logs/evaluate/{subject}_{roi}_{method}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=reconstruction_memory(),
    params:
        code=code("evaluate"),
        study=config["study"],
        sets=lambda wildcards: study.methods[wildcards.method]["sets"],
        floor=lambda wildcards: list(floor_files(wildcards)),
        ceiling=lambda wildcards: list(ceiling_files(wildcards)),
        halves=lambda wildcards: halved_sets(wildcards),
        no_brain="not computed: no samples of one subject's brain",
        network=config["network"],
        image=image_settings(),
        perceptual=config["evaluate"]["perceptual"],
        weights=config["evaluate"]["weights"],
        n_permutations=config["evaluate"]["n_permutations"],
        n_bootstrap=config["evaluate"]["n_bootstrap"],
        seed=config["seed"],
    script:
        "../scripts/evaluate.py"


rule scores:
    input:
        scores=of_targets("{method}.tsv"),
        images=of_targets("images/{method}.tsv"),
        blocks=blocks_of_scans(),
    output:
        scores="<results>/evaluation/scores.tsv",
        images="<results>/evaluation/image_scores.tsv",
        summary="<results>/evaluation/summary.tsv",
        comparisons="<results>/evaluation/comparisons.tsv",
        subjects="<results>/evaluation/subjects.tsv",
        vividness="<results>/evaluation/vividness.tsv",
    log:
        "<results>/logs/scores.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("scores"),
        study=config["study"],
        subjects=study.subjects if blocks_of_scans() else [],
        floor=config["evaluate"].get("floor"),
        n_permutations=config["evaluate"]["n_permutations"],
        n_bootstrap=config["evaluate"]["n_bootstrap"],
        seed=config["seed"],
    script:
        "../scripts/scores.py"

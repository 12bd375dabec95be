# From samples to decoded features, one model per unit of each layer.

DECODED = "<results>/decoded/{subject}/{roi}/{decoder}"
REGION = "<results>/decoded/{subject}/{roi}/voxels.h5"
HALF_FEATURES = "<results>/halves/features/{subject}/{roi}/{decoder}"


# Half a gigabyte for 11,000 voxels. Kept: making it again would run all decoders of the region again.
rule region_voxels:
    input:
        samples="<results>/samples/{subject}.h5",
    output:
        region=REGION,
        reliability="<results>/decoded/{subject}/{roi}/reliability.tsv",
    log:
        "<results>/logs/region_voxels/{subject}_{roi}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=6000,
    params:
        code=code("region_voxels"),
        study=config["study"],
        sets=study.test_sets,
        models=lambda wildcards: models_in(wildcards),
    script:
        "../scripts/region_voxels.py"


rule cross_validate:
    input:
        samples="<results>/samples/{subject}.h5",
        sampled=f"{FEATURES}/train/sampled_units.h5",
        stimuli="<results>/stimuli/train.tsv",
    output:
        table=f"{DECODED}/cross_validation.tsv",
    log:
        "<results>/logs/cross_validate/{subject}_{roi}_{decoder}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=6000,
        runtime=120,
    params:
        code=code("cross_validate"),
        study=config["study"],
        model=lambda wildcards: model_settings(wildcards),
        layers=lambda wildcards: study.layers_of(wildcards.roi, wildcards.decoder),
        n_folds=config["cross_validation"]["n_folds"],
        hold_out=config["cross_validation"]["hold_out"],
        seed=config["seed"],
    script:
        "../scripts/cross_validate.py"


rule decode:
    input:
        region=REGION,
        train=f"{FEATURES}/train/{{layer}}.h5",
        settings=lambda wildcards: chosen_settings(wildcards),
    output:
        features=expand(
            f"{DECODED}/{{set}}/{{layer}}.h5", set=study.test_sets, allow_missing=True
        ),
    log:
        "<results>/logs/decode/{subject}_{roi}_{decoder}_{layer}.log",
    benchmark:
        "<results>/benchmarks/decode/{subject}_{roi}_{decoder}_{layer}.tsv"
    wildcard_constraints:
        decoder=decoders_that(
            lambda d: not d["save_weights"] and d["model"] != "import"
        ),
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
        runtime=120,
        gpu=local_gpus(),
    params:
        code=code("decode"),
        study=config["study"],
        sets=study.test_sets,
        model=lambda wildcards: model_settings(wildcards),
        seed=config["seed"],
    script:
        "../scripts/decode.py"


use rule decode as decode_and_keep with:
    output:
        features=expand(
            f"{DECODED}/{{set}}/{{layer}}.h5", set=study.test_sets, allow_missing=True
        ),
        weights=f"{DECODED}/weights/{{layer}}.h5",
    wildcard_constraints:
        decoder=decoders_that(lambda d: d["save_weights"]),


# Trains once more, so that asking for halves later runs nothing else again.
use rule decode as decode_halves with:
    output:
        features=expand(
            f"{HALF_FEATURES}/{{half}}/{{set}}/{{layer}}.h5",
            half=HALVES,
            set=study.test_sets,
            allow_missing=True,
        ),
    log:
        "<results>/logs/decode_halves/{subject}_{roi}_{decoder}_{layer}.log",
    benchmark:
        "<results>/benchmarks/decode_halves/{subject}_{roi}_{decoder}_{layer}.tsv"
    wildcard_constraints:
        decoder=decoders_that(lambda d: d["model"] != "import"),


rule import_decoded:
    input:
        folders=lambda wildcards: [
            study.decoders[wildcards.decoder]["folder"].replace("{set}", name)
            for name in study.test_sets
        ],
        tables=expand("<results>/stimuli/{set}.tsv", set=study.test_sets),
    output:
        features=expand(
            f"{DECODED}/{{set}}/{{layer}}.h5", set=study.test_sets, allow_missing=True
        ),
    log:
        "<results>/logs/import_decoded/{subject}_{roi}_{decoder}_{layer}.log",
    wildcard_constraints:
        decoder=decoders_that(lambda d: d["model"] == "import"),
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("import_decoded"),
        study=config["study"],
        sets=study.test_sets,
        model=lambda wildcards: model_settings(wildcards),
    script:
        "../scripts/import_decoded.py"


rule repetitions:
    input:
        region=REGION,
        train=f"{FEATURES}/train/sampled_units.h5",
        tests=expand(f"{FEATURES}/{{set}}/sampled_units.h5", set=study.test_sets),
        settings=f"{DECODED}/cross_validation.tsv",
    output:
        table=f"{DECODED}/repetitions.tsv",
    log:
        "<results>/logs/repetitions/{subject}_{roi}_{decoder}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("repetitions"),
        study=config["study"],
        sets=study.test_sets,
        model=lambda wildcards: model_settings(wildcards),
        layers=lambda wildcards: study.layers_of(wildcards.roi, wildcards.decoder),
        seed=config["seed"],
    script:
        "../scripts/repetitions.py"


rule decoding_scores:
    input:
        decoded=lambda wildcards: [
            f"<results>/decoded/{wildcards.subject}/{wildcards.roi}/{wildcards.decoder}/"
            f"{name}/{layer}.h5"
            for name, layer in decoded_files(wildcards)
        ],
        true=lambda wildcards: [
            f"{FEATURES}/{name}/{layer}.h5" for name, layer in decoded_files(wildcards)
        ],
        statistics=f"{FEATURES}/statistics.h5",
    output:
        scores=f"{DECODED}/scores.tsv",
        stimuli=f"{DECODED}/stimulus_scores.tsv",
        units=f"{DECODED}/unit_scores.h5",
    log:
        "<results>/logs/decoding_scores/{subject}_{roi}_{decoder}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("decoding_scores"),
        study=config["study"],
        files=lambda wildcards: decoded_files(wildcards),
        permuted=lambda wildcards: study.decoders[wildcards.decoder]["permute_labels"],
    script:
        "../scripts/decoding_scores.py"


rule decoding_tables:
    input:
        scores=of_decoders("scores.tsv"),
        repetitions=of_decoders("repetitions.tsv", trained=True),
        validation=of_decoders("cross_validation.tsv", trained=True),
        reliability=of_regions("reliability.tsv"),
    output:
        scores="<results>/decoded/scores.tsv",
        repetitions="<results>/decoded/repetitions.tsv",
        validation="<results>/decoded/cross_validation.tsv",
        reliability="<results>/decoded/reliability.tsv",
    log:
        "<results>/logs/decoding_tables.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("decoding_tables"),
        study=config["study"],
    script:
        "../scripts/decoding_tables.py"


rule training_curve:
    input:
        samples="<results>/samples/{subject}.h5",
        sampled=f"{FEATURES}/train/sampled_units.h5",
        tests=expand(f"{FEATURES}/{{set}}/sampled_units.h5", set=study.test_sets),
        settings=f"{DECODED}/cross_validation.tsv",
    output:
        table=f"{DECODED}/training_curve.tsv",
    log:
        "<results>/logs/training_curve/{subject}_{roi}_{decoder}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=6000,
        runtime=120,
    params:
        code=code("training_curve"),
        study=config["study"],
        sets=study.test_sets,
        layers=lambda wildcards: study.layers_of(wildcards.roi, wildcards.decoder),
        seed=config["seed"],
    script:
        "../scripts/training_curve.py"


rule training_curves:
    input:
        tables=retrained(f"{DECODED}/training_curve.tsv"),
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
        study=config["study"],
        simulated=study.simulated,
    script:
        "../scripts/training_curves.py"

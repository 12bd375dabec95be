# From samples to decoded features: one model for each unit of a layer.

DECODED_LAYER = expand(paths.DECODED, set=study.test_sets, allow_missing=True)


def decoded_layers(wildcards):
    """Layers that a decoder predicts in an ROI."""
    return study.layers_of(wildcards.roi, wildcards.decoder)


def models_in(wildcards):
    """Models of the decoders in an ROI that use some of its voxels, and how many.

    The others are left out, so that adding one does not rerun all decoders of the region.
    """
    models = [
        study.decoders[name] for roi, name in study.trained() if roi == wildcards.roi
    ]
    wanted = {"model", "n_voxels"}
    return [
        model.model_dump(include=wanted)
        for model in models
        if hasattr(model, "n_voxels")
    ]


# Half a gigabyte for 11,000 voxels, but not temporary, because making it again would rerun all
# decoders of the region.
rule region_voxels:
    input:
        samples=paths.SAMPLES["samples"],
    output:
        region=paths.REGION,
        reliability="<results>/decoded/{subject}/{roi}/reliability.tsv",
    log:
        "<results>/logs/region_voxels/{subject}_{roi}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=6000,
    params:
        code=code("region_voxels"),
        study=study.name,
        sets=study.test_sets,
        models=models_in,
    script:
        "../scripts/region_voxels.py"


def chosen_settings(wildcards):
    """The table of cross-validation, if it chooses a decoder's settings."""
    tuned = study.is_tuned(wildcards.decoder)
    return paths.CROSS_VALIDATION.format(**wildcards) if tuned else []


def model_settings(wildcards):
    """Settings on which a decoder's results depend."""
    return study.decoders[wildcards.decoder].model_dump(exclude={"rois", "layers"})


def decoder_code(script):
    """Digest of a script that trains a decoder, as a function of wildcards."""

    def digest(wildcards):
        return code(script, *study.decoder_functions(wildcards.decoder))

    return digest


rule decode:
    input:
        region=paths.REGION,
        train=FEATURES.replace("{set}", "train"),
        settings=chosen_settings,
    output:
        features=DECODED_LAYER,
    log:
        "<results>/logs/decode/{subject}_{roi}_{decoder}_{layer}.log",
    benchmark:
        "<results>/benchmarks/decode/{subject}_{roi}_{decoder}_{layer}.tsv"
    wildcard_constraints:
        decoder=study.decoders_that(trained=True, save_weights=False),
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
        runtime=120,
        gpu=local_gpus(),
    params:
        code=decoder_code("decode"),
        study=study.name,
        sets=study.test_sets,
        model=model_settings,
        halves=False,
        seed=study.seed,
    script:
        "../scripts/decode.py"


use rule decode as decode_and_keep with:
    output:
        features=DECODED_LAYER,
        weights=f"{paths.DECODER}/weights/{{layer}}.h5",
    wildcard_constraints:
        decoder=study.decoders_that(trained=True, save_weights=True),


# A separate training, so that adding halves to a study later reruns nothing else.
use rule decode as decode_halves with:
    output:
        features=expand(
            paths.HALF_DECODED, half=HALVES, set=study.test_sets, allow_missing=True
        ),
    log:
        "<results>/logs/decode_halves/{subject}_{roi}_{decoder}_{layer}.log",
    benchmark:
        "<results>/benchmarks/decode_halves/{subject}_{roi}_{decoder}_{layer}.tsv"
    wildcard_constraints:
        decoder=study.decoders_that(trained=True),
    params:
        halves=True,


include: "import_decoded.smk"
include: "decoding_scores.smk"
include: "training_curve.smk"

# From samples to decoded features, one model per unit of each layer.

DECODED = "<results>/decoded/{subject}/{roi}/{decoder}"


rule decode:
    input:
        samples="<results>/samples/{subject}.h5",
        train=f"{FEATURES}/train/{{layer}}.h5",
        stimuli="<results>/stimuli/train.tsv",
    output:
        features=expand(
            f"{DECODED}/{{set}}/{{layer}}.h5", set=study.test_sets, allow_missing=True
        ),
        accuracy=f"{DECODED}/cross_validation/{{layer}}.tsv",
    log:
        "<results>/logs/decode/{subject}_{roi}_{decoder}_{layer}.log",
    benchmark:
        "<results>/benchmarks/decode/{subject}_{roi}_{decoder}_{layer}.tsv"
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        code=code("decode"),
        study=config["study"],
        sets=study.test_sets,
        model=lambda wildcards: config["decoders"][wildcards.decoder],
        seed=config["seed"],
    script:
        "../scripts/decode.py"


rule decoding_scores:
    input:
        decoded=lambda wildcards: [
            f"<results>/decoded/{wildcards.subject}/{roi}/{decoder}/{name}/{layer}.h5"
            for roi, decoder, layer, name in decoded_by(wildcards.subject)
        ],
        true=expand(
            f"{FEATURES}/{{set}}/{{layer}}.h5", set=study.test_sets, layer=study.layers
        ),
        statistics=f"{FEATURES}/statistics.h5",
    output:
        scores="<results>/decoded/{subject}/scores.tsv",
    log:
        "<results>/logs/decoding_scores/{subject}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("decoding_scores"),
        study=config["study"],
        decoded=lambda wildcards: decoded_by(wildcards.subject),
        permuted={
            name: model["permute_labels"] for name, model in config["decoders"].items()
        },
        true=[(name, layer) for name in study.test_sets for layer in study.layers],
    script:
        "../scripts/decoding_scores.py"

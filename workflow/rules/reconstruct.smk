# From features to images. The ceiling starts from the true features of the stimuli.


rule average_decoded:
    input:
        features=expand(
            "<results>/decoded/{subject}/{{roi}}/{{decoder}}/{{set}}/{{layer}}.h5",
            subject=study.subjects,
        ),
    output:
        features="<results>/decoded/average/{roi}/{decoder}/{set}/{layer}.h5",
    log:
        "<results>/logs/average_decoded/{roi}_{decoder}_{set}_{layer}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("average_decoded"),
        study=config["study"],
    script:
        "../scripts/average_decoded.py"


rule reconstruct:
    input:
        targets=lambda wildcards: target_files(wildcards),
        accuracy=lambda wildcards: layer_accuracies(wildcards),
        statistics=f"{FEATURES}/statistics.h5",
        weights=network_weights(),
        generator=lambda wildcards: generator_of(wildcards),
    output:
        images=directory("<results>/recon/{subject}/{roi}/{method}/{set}"),
        result="<results>/recon/{subject}/{roi}/{method}/{set}.h5",
    log:
        "<results>/logs/reconstruct/{subject}_{roi}_{method}_{set}.log",
    benchmark:
        "<results>/benchmarks/reconstruct/{subject}_{roi}_{method}_{set}.tsv"
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=reconstruction_memory(),
        runtime=480,
        gpu=local_gpus(),
    params:
        code=code("reconstruct", "deeprecon/reconstruct/dists_vgg19.tsv"),
        study=config["study"],
        network=config["network"],
        method=lambda wildcards: search_settings(wildcards),
        size=config["image_size"],
        compute=config["compute"],
    script:
        "../scripts/reconstruct.py"


use rule reconstruct as reconstruct_true with:
    input:
        targets=lambda wildcards: [
            f"{FEATURES}/{wildcards.set}/{layer}.h5"
            for layer in study.methods[wildcards.method]["layers"]
        ],
        statistics=f"{FEATURES}/statistics.h5",
        weights=network_weights(),
        generator=lambda wildcards: generator_of(wildcards),
    output:
        images=directory("<results>/ceiling/{method}/{set}"),
        result="<results>/ceiling/{method}/{set}.h5",
    log:
        "<results>/logs/reconstruct_true/{method}_{set}.log",
    benchmark:
        "<results>/benchmarks/reconstruct_true/{method}_{set}.tsv"


use rule reconstruct as reconstruct_half with:
    input:
        targets=lambda wildcards: half_targets(wildcards),
        accuracy=lambda wildcards: layer_accuracies(wildcards),
        statistics=f"{FEATURES}/statistics.h5",
        weights=network_weights(),
        generator=lambda wildcards: generator_of(wildcards),
    output:
        images=directory(
            "<results>/halves/images/{subject}/{roi}/{method}/{half}/{set}"
        ),
        result="<results>/halves/images/{subject}/{roi}/{method}/{half}/{set}.h5",
    log:
        "<results>/logs/reconstruct_half/{subject}_{roi}_{method}_{half}_{set}.log",
    benchmark:
        "<results>/benchmarks/reconstruct_half/{subject}_{roi}_{method}_{half}_{set}.tsv"

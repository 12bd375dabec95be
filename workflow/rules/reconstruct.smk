# From features to images. The ceiling starts from the true features of the stimuli.


rule reconstruct:
    input:
        targets=lambda wildcards: [
            f"<results>/decoded/{wildcards.subject}/{wildcards.roi}/"
            f"{study.methods[wildcards.method]['decoder']}/{wildcards.set}/{layer}.h5"
            for layer in study.methods[wildcards.method]["layers"]
        ],
        accuracy=lambda wildcards: layer_accuracies(wildcards),
        statistics=f"{FEATURES}/statistics.h5",
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
        mem_mb=4000,
        runtime=240,
        gpu=local_gpus(),
    params:
        code=code("reconstruct"),
        study=config["study"],
        network=config["network"]["name"],
        method=lambda wildcards: search_settings(wildcards.method),
        size=config["image_size"],
    script:
        "../scripts/reconstruct.py"


rule reconstruct_true:
    input:
        targets=lambda wildcards: [
            f"{FEATURES}/{wildcards.set}/{layer}.h5"
            for layer in study.methods[wildcards.method]["layers"]
        ],
        statistics=f"{FEATURES}/statistics.h5",
    output:
        images=directory("<results>/ceiling/{method}/{set}"),
        result="<results>/ceiling/{method}/{set}.h5",
    log:
        "<results>/logs/reconstruct_true/{method}_{set}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=local_gpus(),
    params:
        code=code("reconstruct"),
        study=config["study"],
        network=config["network"]["name"],
        method=lambda wildcards: search_settings(wildcards.method),
        size=config["image_size"],
    script:
        "../scripts/reconstruct.py"

# Weights of networks and generators: downloaded once, their hash checked, made into torch files.

DOWNLOADED = {item.file: name for name, item in downloads().items()}


rule download:
    output:
        file="downloads/{file}",
    log:
        "downloads/logs/{file}.log",
    wildcard_constraints:
        file="|".join(map(re.escape, DOWNLOADED)),
    localrule: True
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("download", "deeprecon/data/downloads.tsv"),
        study="n/a",
        name=lambda wildcards: DOWNLOADED[wildcards.file],
    script:
        "../scripts/download.py"


rule network_weights:
    input:
        weights=network_source(),
    output:
        weights=f"{FEATURES}/weights.pt",
    log:
        "<results>/logs/network_weights.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("network_weights"),
        study=config["study"],
        network=config["network"],
    script:
        "../scripts/network_weights.py"


rule generator_weights:
    input:
        weights=lambda wildcards: generator_source(wildcards.generator),
        upper=lambda wildcards: latent_bounds(wildcards.generator),
    output:
        generator="<results>/generators/{generator}.pt",
    log:
        "<results>/logs/generator_weights/{generator}.log",
    wildcard_constraints:
        generator=generators_that(lambda g: g["kind"] != "trained"),
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=3000,
    params:
        code=code("generator_weights"),
        study=config["study"],
        generator=lambda wildcards: config["generators"][wildcards.generator],
    script:
        "../scripts/generator_weights.py"


rule train_generator:
    input:
        stimuli="<results>/stimuli/train.tsv",
        weights=network_weights(),
    output:
        generator="<results>/generators/{generator}.pt",
        scores="<results>/generators/{generator}.tsv",
    log:
        "<results>/logs/train_generator/{generator}.log",
    benchmark:
        "<results>/benchmarks/train_generator/{generator}.tsv"
    wildcard_constraints:
        generator=generators_that(lambda g: g["kind"] == "trained"),
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=8000,
        runtime=1440,
        gpu=local_gpus(),
    params:
        code=code("train_generator"),
        study=config["study"],
        network=config["network"],
        image=image_settings(),
        generator=lambda wildcards: config["generators"][wildcards.generator],
        compute=config["compute"],
        seed=config["seed"],
    script:
        "../scripts/train_generator.py"

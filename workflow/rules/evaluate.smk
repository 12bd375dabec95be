# How like the originals the reconstructions are, with floor, ceiling, interval and p-value.


rule evaluate:
    input:
        recon=lambda wildcards: [
            f"<results>/recon/{wildcards.subject}/{wildcards.roi}/{wildcards.method}/{name}.h5"
            for name in study.methods[wildcards.method]["sets"]
        ],
        floor=lambda wildcards: floor_files(wildcards).values(),
        ceiling=lambda wildcards: ceiling_files(wildcards).values(),
        tables=lambda wildcards: [
            f"<results>/stimuli/{name}.tsv"
            for name in study.methods[wildcards.method]["sets"]
        ],
        weights=network_weights(),
    output:
        scores="<results>/evaluation/{subject}/{roi}/{method}.tsv",
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
        network=config["network"],
        image=image_settings(),
        n_permutations=config["evaluate"]["n_permutations"],
        n_bootstrap=config["evaluate"]["n_bootstrap"],
        seed=config["seed"],
    script:
        "../scripts/evaluate.py"


rule scores:
    input:
        tables=[
            f"<results>/evaluation/{target.subject}/{target.roi}/{target.method}.tsv"
            for target in study.targets()
        ],
    output:
        table="<results>/evaluation/scores.tsv",
    log:
        "<results>/logs/scores.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("scores"),
        study=config["study"],
    script:
        "../scripts/scores.py"

# Features of the stimuli: what decoders learn to predict and reconstructions must match.


rule features:
    input:
        table="<results>/stimuli/{set}.tsv",
        weights=network_weights(),
    output:
        layers=[f"{FEATURES}/{{set}}/{layer}.h5" for layer in study.layers],
    log:
        "<results>/logs/features/{set}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
        gpu=local_gpus(),
    params:
        code=code("features"),
        study=config["study"],
        network=config["network"],
        image=image_settings(),
    script:
        "../scripts/features.py"


rule sampled_units:
    input:
        layers=[f"{FEATURES}/{{set}}/{layer}.h5" for layer in study.layers],
    output:
        sampled=f"{FEATURES}/{{set}}/sampled_units.h5",
    log:
        "<results>/logs/sampled_units/{set}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("sampled_units"),
        study=config["study"],
        layers=study.layers,
        n_units=config["cross_validation"]["n_units"],
        seed=config["seed"],
    script:
        "../scripts/sampled_units.py"


rule feature_statistics:
    input:
        layers=[f"{FEATURES}/train/{layer}.h5" for layer in study.layers],
    output:
        statistics=f"{FEATURES}/statistics.h5",
        table=f"{FEATURES}/statistics.tsv",
    log:
        "<results>/logs/feature_statistics.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("feature_statistics"),
        study=config["study"],
        network=config["network"]["name"],
        layers=study.layers,
    script:
        "../scripts/feature_statistics.py"

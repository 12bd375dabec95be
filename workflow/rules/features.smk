# Features of the stimuli, which decoders predict and reconstructions match.


rule features:
    input:
        table=paths.STIMULI,
        weights=network_weights(),
    output:
        layers=expand(FEATURES, layer=study.layers, allow_missing=True),
    log:
        "<results>/logs/features/{set}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
        gpu=local_gpus(),
    params:
        code=code("features", *network_functions()),
        study=study.name,
        network=network_settings(),
        image=image_settings(),
    script:
        "../scripts/features.py"


rule sampled_units:
    input:
        layers=expand(FEATURES, layer=study.layers, allow_missing=True),
    output:
        sampled=SAMPLED_UNITS,
    log:
        "<results>/logs/sampled_units/{set}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("sampled_units"),
        study=study.name,
        layers=study.layers,
        n_units=settings.cross_validation.n_units,
        seed=study.seed,
    script:
        "../scripts/sampled_units.py"


rule feature_statistics:
    input:
        layers=expand(FEATURES, set="train", layer=study.layers),
    output:
        statistics=STATISTICS,
        table=of_network(f"{paths.NETWORK}/statistics.tsv"),
    log:
        "<results>/logs/feature_statistics.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("feature_statistics"),
        study=study.name,
        network=settings.network.name,
        layers=study.layers,
    script:
        "../scripts/feature_statistics.py"

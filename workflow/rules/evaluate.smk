# Prerequisites of scores: an encoding model and baseline images.


rule encode:
    input:
        samples=paths.SAMPLES["samples"],
        region=paths.REGION,
        sampled=SAMPLED_UNITS.format(set="train"),
        stimuli=paths.TRAINING_STIMULI,
    output:
        model=paths.ENCODING,
    log:
        "<results>/logs/encode/{subject}_{roi}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=6000,
    params:
        code=code("encode"),
        study=study.name,
        layers=study.layers,
        n_folds=settings.cross_validation.n_folds,
        hold_out=settings.cross_validation.hold_out,
        seed=study.seed,
    script:
        "../scripts/encode.py"


rule mean_features:
    input:
        statistics=STATISTICS,
    output:
        features=expand(paths.MEAN_FEATURES, layer=study.layers),
    log:
        "<results>/logs/mean_features.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("mean_features"),
        study=study.name,
        layers=study.layers,
    script:
        "../scripts/mean_features.py"


def method_layers(wildcards):
    """Layers whose features a method matches."""
    return study.methods[wildcards.method].layers


def mean_targets(wildcards):
    """Mean features of a method's layers."""
    return expand(paths.MEAN_FEATURES, layer=method_layers(wildcards))


use rule reconstruct as reconstruct_mean with:
    input:
        **SEARCH_INPUT,
        targets=mean_targets,
    output:
        images=directory(paths.MEAN_RECON),
        result=f"{paths.MEAN_RECON}.h5",
    log:
        "<results>/logs/reconstruct_mean/{method}.log",
    benchmark:
        "<results>/benchmarks/reconstruct_mean/{method}.tsv"
    params:
        decoded=False,


def mean_features_file(wildcards):
    """The reconstruction from mean features, if the method's loss is defined for them."""
    if study.methods[wildcards.method].accepts_mean_features:
        return f"{paths.MEAN_RECON}.h5".format(**wildcards)
    return []


rule baselines:
    input:
        recon=f"{paths.RECON}.h5",
        mean_features=mean_features_file,
        targets=target_files,
        table=paths.STIMULI,
        training=paths.TRAINING_STIMULI,
        sampled=SAMPLED_UNITS.format(set="train"),
    output:
        images=paths.BASELINES,
    log:
        "<results>/logs/baselines/{subject}_{roi}_{method}_{set}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("baselines"),
        study=study.name,
        layers=method_layers,
        image=image_settings(),
        seed=study.seed,
    script:
        "../scripts/baselines.py"

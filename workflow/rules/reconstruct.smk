# From features to images, from decoded features and from the true features of the stimuli.


rule average_decoded:
    input:
        features=expand(paths.DECODED, subject=study.subjects, allow_missing=True),
    output:
        features=paths.DECODED.replace("{subject}", "average"),
    log:
        "<results>/logs/average_decoded/{roi}_{decoder}_{set}_{layer}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("average_decoded"),
        study=study.name,
    script:
        "../scripts/average_decoded.py"


def generator_of(wildcards):
    """The generator of a method, if its prior needs one."""
    name = study.methods[wildcards.method].generator
    return paths.GENERATOR.format(generator=name) if name else []


def target_files(wildcards):
    """Decoded features of a method's layers, for a subject or averaged over subjects."""
    method = study.methods[wildcards.method]
    who = "average" if wildcards.subject == AVERAGE else wildcards.subject
    place = {"subject": who, "roi": wildcards.roi, "set": wildcards.set}
    return expand(paths.DECODED, **place, decoder=method.decoder, layer=method.layers)


def true_targets(wildcards):
    """True features of a method's layers."""
    layers = study.methods[wildcards.method].layers
    return expand(FEATURES, set=wildcards.set, layer=layers)


def half_targets(wildcards):
    """Decoded features of a method's layers, from half of the repetitions."""
    method = study.methods[wildcards.method]
    pattern = expand(
        paths.HALF_DECODED,
        decoder=method.decoder,
        layer=method.layers,
        allow_missing=True,
    )
    return [file.format(**wildcards) for file in pattern]


def layer_accuracies(wildcards):
    """Cross-validation tables of a method's decoder, if they weight the layers."""
    method = study.methods[wildcards.method]
    if method.search["layer_weights"] != "accuracy":
        return []
    who = study.subjects if wildcards.subject == AVERAGE else [wildcards.subject]
    where = {"roi": wildcards.roi, "decoder": method.decoder}
    return expand(paths.CROSS_VALIDATION, subject=who, **where)


def search_settings(wildcards):
    """Settings of a method on which its images depend."""
    method = study.methods[wildcards.method]
    return {"layers": method.layers, "seed": method.seed, "settings": method.search}


def search_code(wildcards):
    """Digest of the code that a method runs, including its loss, prior, optimiser and network."""
    chosen = study.methods[wildcards.method].functions
    return code("reconstruct", *chosen, *network_functions())


def reconstruction_memory():
    """Memory of a reconstruction job, MB, by the size of images and network."""
    return 4000 if settings.image_size < 200 else 16000


# Inputs of every reconstruction besides its targets.
SEARCH_INPUT = {
    "statistics": STATISTICS,
    "weights": network_weights(),
    "generator": generator_of,
}


rule reconstruct:
    input:
        **SEARCH_INPUT,
        targets=target_files,
        accuracy=layer_accuracies,
    output:
        images=directory(paths.RECON),
        result=f"{paths.RECON}.h5",
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
        code=search_code,
        study=study.name,
        network=network_settings(),
        method=search_settings,
        decoded=True,
        may_be_empty=False,
        size=settings.image_size,
        compute=settings.compute.model_dump(),
    script:
        "../scripts/reconstruct.py"


use rule reconstruct as reconstruct_true with:
    input:
        **SEARCH_INPUT,
        targets=true_targets,
    output:
        images=directory(paths.TRUE_FEATURES),
        result=f"{paths.TRUE_FEATURES}.h5",
    log:
        "<results>/logs/reconstruct_true/{method}_{set}.log",
    benchmark:
        "<results>/benchmarks/reconstruct_true/{method}_{set}.tsv"
    params:
        decoded=False,


use rule reconstruct as reconstruct_half with:
    input:
        **SEARCH_INPUT,
        targets=half_targets,
        accuracy=layer_accuracies,
    output:
        images=directory(paths.HALF_RECON),
        result=f"{paths.HALF_RECON}.h5",
    log:
        "<results>/logs/reconstruct_half/{subject}_{roi}_{method}_{half}_{set}.log",
    benchmark:
        "<results>/benchmarks/reconstruct_half/{subject}_{roi}_{method}_{half}_{set}.tsv"
    params:
        may_be_empty=True,

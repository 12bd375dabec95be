# Weights of networks and generators: downloaded once, verified, and converted into torch files.

from deeprecon.features.registry import NETWORKS

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
        code=code("download"),
        study="n/a",
        name=lambda wildcards: DOWNLOADED[wildcards.file],
    script:
        "../scripts/download.py"


def network_source():
    """File of the network's weights: the user's, or a download."""
    name, given = settings.network.name, settings.network.weights
    if given is None and name in NETWORKS and NETWORKS[name].download:
        return f"downloads/{downloads()[NETWORKS[name].download].file}"
    return [] if given in (None, "random") else given


def network_settings():
    """Settings of the network for the library."""
    return settings.network.model_dump(mode="json", by_alias=True, exclude_none=True)


def network_functions():
    """Import path of the user's own network, if there is one."""
    return [settings.network.import_path] if settings.network.import_path else []


def network_weights():
    """The torch file of the network's weights, unless a package ships them."""
    return of_network(paths.NETWORK_WEIGHTS) if network_source() else []


rule network_weights:
    input:
        weights=network_source(),
    output:
        weights=of_network(paths.NETWORK_WEIGHTS),
    log:
        "<results>/logs/network_weights.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("network_weights", *network_functions()),
        study=study.name,
        network=network_settings(),
    script:
        "../scripts/network_weights.py"


def generator_settings(wildcards):
    """Settings of a generator."""
    return settings.generators[wildcards.generator].model_dump(exclude_none=True)


def generator_source(wildcards):
    """File of the weights of a published generator."""
    default = f"downloads/{downloads()['generators'].file}"
    return generator_settings(wildcards).get("weights", default)


def latent_bounds(wildcards):
    """File of the upper bounds of a published generator's latents, if there is one."""
    given = generator_settings(wildcards)
    upper = given.get("upper", f"{given['kind']}_upper")
    if isinstance(upper, str) and upper in downloads():
        return f"downloads/{downloads()[upper].file}"
    return upper if isinstance(upper, str) and "upper" in given else []


rule generator_weights:
    input:
        weights=generator_source,
        upper=latent_bounds,
    output:
        generator=paths.GENERATOR,
    log:
        "<results>/logs/generator_weights/{generator}.log",
    wildcard_constraints:
        generator=study.generators_that(trained=False),
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=3000,
    params:
        code=code("generator_weights"),
        study=study.name,
        generator=generator_settings,
    script:
        "../scripts/generator_weights.py"


rule train_generator:
    input:
        stimuli=paths.TRAINING_STIMULI,
        weights=network_weights(),
    output:
        generator=paths.GENERATOR,
        scores="<results>/generators/{generator}.tsv",
    log:
        "<results>/logs/train_generator/{generator}.log",
    benchmark:
        "<results>/benchmarks/train_generator/{generator}.tsv"
    wildcard_constraints:
        generator=study.generators_that(trained=True),
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=8000,
        runtime=1440,
        gpu=local_gpus(),
    params:
        code=code("train_generator", *network_functions()),
        study=study.name,
        network=network_settings(),
        image=image_settings(),
        generator=generator_settings,
        compute=settings.compute.model_dump(),
        seed=study.seed,
    script:
        "../scripts/train_generator.py"

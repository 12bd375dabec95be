# Decoding accuracy on held-out training images and on the test sets.


rule cross_validate:
    input:
        samples=paths.SAMPLES["samples"],
        sampled=SAMPLED_UNITS.format(set="train"),
        stimuli=paths.TRAINING_STIMULI,
    output:
        table=paths.CROSS_VALIDATION,
    log:
        "<results>/logs/cross_validate/{subject}_{roi}_{decoder}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=6000,
        runtime=120,
    params:
        code=decoder_code("cross_validate"),
        study=study.name,
        model=model_settings,
        layers=decoded_layers,
        n_folds=settings.cross_validation.n_folds,
        hold_out=settings.cross_validation.hold_out,
        seed=study.seed,
    script:
        "../scripts/cross_validate.py"


rule repetitions:
    input:
        region=paths.REGION,
        train=SAMPLED_UNITS.format(set="train"),
        tests=expand(SAMPLED_UNITS, set=study.test_sets),
        settings=paths.CROSS_VALIDATION,
    output:
        table=f"{paths.DECODER}/repetitions.tsv",
    log:
        "<results>/logs/repetitions/{subject}_{roi}_{decoder}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=decoder_code("repetitions"),
        study=study.name,
        sets=study.test_sets,
        model=model_settings,
        layers=decoded_layers,
        seed=study.seed,
    script:
        "../scripts/repetitions.py"


def decoded_files(wildcards):
    """(set, layer) of each feature file of a decoder in an ROI."""
    return [
        (name, layer) for layer in decoded_layers(wildcards) for name in study.test_sets
    ]


def files_to_score(pattern):
    """A file for each decoded set and layer, as a function of wildcards."""

    def files(wildcards):
        return [
            pattern.format(**wildcards, set=name, layer=layer)
            for name, layer in decoded_files(wildcards)
        ]

    return files


def is_permuted(wildcards):
    """Whether a decoder is trained on permuted labels."""
    return study.decoders[wildcards.decoder].permute_labels


rule decoding_scores:
    input:
        decoded=files_to_score(paths.DECODED),
        true=files_to_score(FEATURES),
        statistics=STATISTICS,
    output:
        scores=f"{paths.DECODER}/scores.tsv",
        stimuli=f"{paths.DECODER}/stimulus_scores.tsv",
        units=f"{paths.DECODER}/unit_scores.h5",
    log:
        "<results>/logs/decoding_scores/{subject}_{roi}_{decoder}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("decoding_scores"),
        study=study.name,
        files=decoded_files,
        permuted=is_permuted,
    script:
        "../scripts/decoding_scores.py"


def of_decoders(file, trained=False):
    """A file for each decoder (or only for those trained here), ROI and subject."""
    decoders = study.trained() if trained else study.decoded()
    return [
        f"{paths.DECODER}/{file}".format(subject=subject, roi=roi, decoder=decoder)
        for subject in study.subjects
        for roi, decoder in decoders
    ]


def of_regions(file):
    """A file for each subject and each ROI in which a decoder is trained."""
    rois = dict.fromkeys(roi for roi, _ in study.trained())
    pattern = f"<results>/decoded/{{subject}}/{{roi}}/{file}"
    return expand(pattern, subject=study.subjects, roi=list(rois))


rule decoding_tables:
    input:
        scores=of_decoders("scores.tsv"),
        repetitions=of_decoders("repetitions.tsv", trained=True),
        validation=of_decoders("cross_validation.tsv", trained=True),
        reliability=of_regions("reliability.tsv"),
    output:
        scores="<results>/decoded/scores.tsv",
        repetitions="<results>/decoded/repetitions.tsv",
        validation="<results>/decoded/cross_validation.tsv",
        reliability="<results>/decoded/reliability.tsv",
    log:
        "<results>/logs/decoding_tables.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("decoding_tables"),
        study=study.name,
    script:
        "../scripts/decoding_tables.py"

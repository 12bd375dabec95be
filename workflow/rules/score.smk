# Scores of the reconstructions, with controls, intervals and p values.

from deeprecon.evaluate.registry import available_weights, metric_functions


def files_of_method(pattern):
    """A file for each stimulus set of a method."""
    return lambda wildcards: [
        pattern.format(**wildcards, set=name)
        for name in study.methods[wildcards.method].sets
    ]


def control_files(wildcards):
    """Stimulus set -> reconstructions of the permuted control."""
    sets = study.methods[wildcards.method].sets
    controls = {name: study.control(wildcards.subject, name) for name in sets}
    return {
        name: f"<results>/recon/{control}.h5"
        for name, control in controls.items()
        if control is not None
    }


def true_features_files(wildcards):
    """Stimulus set -> reconstructions from true features with the settings of a method."""
    method = wildcards.method
    sets = [] if study.is_control(method) else study.methods[method].sets
    return {
        name: f"{paths.TRUE_FEATURES}.h5".format(method=method, set=name)
        for name in sets
    }


def halved_sets(wildcards):
    """Sets of a method that are also reconstructed from halves of the repetitions."""
    asked = wildcards.method in settings.evaluate.split_half
    each = wildcards.subject != AVERAGE
    return study.methods[wildcards.method].sets if asked and each else []


def half_images(half):
    """Reconstructions from half of the repetitions, one file for each set."""
    pattern = f"{paths.HALF_RECON}.h5"
    return lambda wildcards: [
        pattern.format(**wildcards, half=half, set=name)
        for name in halved_sets(wildcards)
    ]


def of_brain(file):
    """A file about the voxels of a region, if the features come from one subject's voxels."""
    trained = [roi for roi, _ in study.trained()]

    def found(wildcards):
        missing = wildcards.subject == AVERAGE or wildcards.roi not in trained
        return [] if missing else file.format(**wildcards)

    return found


rule evaluate:
    input:
        recon=files_of_method(f"{paths.RECON}.h5"),
        control=lambda wildcards: control_files(wildcards).values(),
        true_features=lambda wildcards: true_features_files(wildcards).values(),
        half_1=half_images(1),
        half_2=half_images(2),
        baselines=files_of_method(paths.BASELINES),
        encoding=of_brain(paths.ENCODING),
        region=of_brain(paths.REGION),
        tables=files_of_method(paths.STIMULI),
        training=paths.TRAINING_STIMULI,
        sampled=SAMPLED_UNITS.format(set="train"),
        weights=network_weights(),
        perceptual=available_weights(
            settings.evaluate.perceptual, settings.evaluate.weights
        ),
    output:
        scores=paths.SCORES,
        images=paths.IMAGE_SCORES,
    log:
        "<results>/logs/evaluate/{subject}_{roi}_{method}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=reconstruction_memory(),
    params:
        code=code(
            "evaluate",
            *network_functions(),
            *metric_functions(
                [*settings.evaluate.metrics, *settings.evaluate.perceptual]
            ),
        ),
        study=study.name,
        sets=lambda wildcards: study.methods[wildcards.method].sets,
        control=lambda wildcards: list(control_files(wildcards)),
        true_features=lambda wildcards: list(true_features_files(wildcards)),
        halves=halved_sets,
        network=network_settings(),
        image=image_settings(),
        metrics=settings.evaluate.metrics,
        perceptual=settings.evaluate.perceptual,
        weights=settings.evaluate.weights,
        n_permutations=settings.evaluate.n_permutations,
        n_bootstrap=settings.evaluate.n_bootstrap,
        seed=study.seed,
    script:
        "../scripts/evaluate.py"


def blocks_of_scans():
    """The blocks of each subject, with ratings of imagery, if there are scans."""
    return expand(
        paths.BLOCKS, subject=study.subjects if study.source.has_scans else []
    )


def of_methods(pattern):
    """One file for each method in each region of each subject."""
    return list(dict.fromkeys(pattern.format(**t._asdict()) for t in study.targets()))


rule scores:
    input:
        scores=of_methods(paths.SCORES),
        images=of_methods(paths.IMAGE_SCORES),
        blocks=blocks_of_scans(),
    output:
        scores="<results>/evaluation/scores.tsv",
        images="<results>/evaluation/image_scores.tsv",
        summary="<results>/evaluation/summary.tsv",
        comparisons="<results>/evaluation/comparisons.tsv",
        subjects="<results>/evaluation/subjects.tsv",
        vividness="<results>/evaluation/vividness.tsv",
    log:
        "<results>/logs/scores.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("scores"),
        study=study.name,
        subjects=study.subjects if blocks_of_scans() else [],
        control=settings.evaluate.permuted_control,
        n_permutations=settings.evaluate.n_permutations,
        n_bootstrap=settings.evaluate.n_bootstrap,
        seed=study.seed,
    script:
        "../scripts/scores.py"

# Pictures and one page that a sceptical reader can judge the study by.


rule gallery:
    input:
        table="<results>/stimuli/{set}.tsv",
        recon=lambda wildcards: [
            f"{path}.h5" for _, _, path in gallery_rows(wildcards.set)
        ],
    output:
        figure=report(
            "<results>/report/gallery_{set}.png",
            caption="../report/gallery.rst",
            category="Reconstructions",
            labels={"set": "{set}"},
        ),
    log:
        "<results>/logs/gallery/{set}.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("gallery"),
        study=config["study"],
        rows=lambda wildcards: [
            f"{label}, {method}" for label, method, _ in gallery_rows(wildcards.set)
        ],
        shown=lambda wildcards: (
            "imagined" if study.imagined(wildcards.set) else "presented"
        ),
        simulated=study.simulated,
        image=image_settings(),
    script:
        "../scripts/gallery.py"


rule comparison:
    input:
        table="<results>/stimuli/{set}.tsv",
        recon=lambda wildcards: [
            path for _, rows in comparison_rows(wildcards.set) for _, path in rows
        ],
    output:
        figure=report(
            "<results>/report/comparison_{set}.png",
            caption="../report/comparison.rst",
            category="Reconstructions",
            labels={"set": "{set}"},
        ),
    log:
        "<results>/logs/comparison/{set}.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("comparison"),
        study=config["study"],
        rows=lambda wildcards: [
            (title, [label for label, _ in rows])
            for title, rows in comparison_rows(wildcards.set)
        ],
        shown=lambda wildcards: (
            "imagined" if study.imagined(wildcards.set) else "presented"
        ),
        simulated=study.simulated,
        image=image_settings(),
    script:
        "../scripts/comparison.py"


rule search_figures:
    input:
        recon=lambda wildcards: [
            f"{path}.h5" for _, _, path in gallery_rows(wildcards.set)
        ],
    output:
        losses=report(
            "<results>/report/losses_{set}.png",
            caption="../report/losses.rst",
            category="Reconstructions",
            labels={"set": "{set}"},
        ),
        strips=report(
            "<results>/report/strips_{set}.png",
            caption="../report/strips.rst",
            category="Reconstructions",
            labels={"set": "{set}"},
        ),
    log:
        "<results>/logs/search_figures/{set}.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("search_figures"),
        study=config["study"],
        rows=lambda wildcards: [
            (label, method) for label, method, _ in gallery_rows(wildcards.set)
        ],
        simulated=study.simulated,
    script:
        "../scripts/search_figures.py"


rule plots:
    input:
        decoding="<results>/decoded/scores.tsv",
        repetitions="<results>/decoded/repetitions.tsv",
        scores="<results>/evaluation/scores.tsv",
    output:
        layers=report(
            "<results>/report/decoding_by_layer.png",
            caption="../report/decoding.rst",
            category="Decoding",
        ),
        regions=report(
            "<results>/report/decoding_by_region.png",
            caption="../report/decoding.rst",
            category="Decoding",
        ),
        repetitions=report(
            "<results>/report/decoding_by_repetitions.png",
            caption="../report/repetitions.rst",
            category="Decoding",
        ),
        identification=report(
            "<results>/report/identification.png",
            caption="../report/identification.rst",
            category="Evaluation",
        ),
    log:
        "<results>/logs/plots.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("plots"),
        study=config["study"],
        layers=study.layers,
        simulated=study.simulated,
        published=published(
            None if study.simulated else config["input"].get("dataset"),
            config["sets"],
            study.subjects,
        ),
    script:
        "../scripts/plots.py"


rule page:
    input:
        galleries=expand("<results>/report/gallery_{set}.png", set=shown_sets()),
        comparisons=expand("<results>/report/comparison_{set}.png", set=compared_sets()),
        losses=expand("<results>/report/losses_{set}.png", set=shown_sets()),
        strips=expand("<results>/report/strips_{set}.png", set=shown_sets()),
        layers="<results>/report/decoding_by_layer.png",
        regions="<results>/report/decoding_by_region.png",
        repetitions="<results>/report/decoding_by_repetitions.png",
        training=(
            "<results>/report/decoding_by_training.png"
            if retrained("{decoder}")
            else []
        ),
        identification="<results>/report/identification.png",
        scores="<results>/evaluation/scores.tsv",
        vividness="<results>/evaluation/vividness.tsv",
        comparisons_table="<results>/evaluation/comparisons.tsv",
        over_subjects="<results>/evaluation/subjects.tsv",
        checks="<results>/validity/checks.tsv",
        checks_figure="<results>/report/checks.png",
        check_values="<results>/report/check_values.png",
        stimuli=expand("<results>/stimuli/{set}.tsv", set=["train", *study.test_sets]),
        weights=network_weights(),
        rois=of_samples("rois.tsv"),
        reliability="<results>/decoded/reliability.tsv",
        samples=of_samples("sets.tsv"),
        quality=quality_pages(),
        judge=["<results>/judge/index.html"] if "judge" in config else [],
    output:
        page="<results>/report/index.html",
        settings="<results>/report/settings.yaml",
    log:
        "<results>/logs/page.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("page", *PAGE_PARTS, *REPORT_PARTS),
        study=config["study"],
        settings=config,
        subjects=study.subjects,
        sets=shown_sets(),
        compared=compared_sets(),
        simulated=study.simulated,
    script:
        "../scripts/page.py"

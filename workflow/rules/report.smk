# Pictures and one page that a sceptical reader can judge the study by.


rule gallery:
    input:
        table="<results>/stimuli/{set}.tsv",
        recon=lambda wildcards: [
            f"{path}.h5" for _, path in gallery_rows(wildcards.set)
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
        rows=lambda wildcards: gallery_rows(wildcards.set),
        shown=lambda wildcards: (
            "imagined" if study.imagined(wildcards.set) else "presented"
        ),
        simulated=study.simulated,
        size=config["image_size"],
    script:
        "../scripts/gallery.py"


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
    script:
        "../scripts/plots.py"


rule page:
    input:
        galleries=expand("<results>/report/gallery_{set}.png", set=shown_sets()),
        layers="<results>/report/decoding_by_layer.png",
        regions="<results>/report/decoding_by_region.png",
        repetitions="<results>/report/decoding_by_repetitions.png",
        identification="<results>/report/identification.png",
        scores="<results>/evaluation/scores.tsv",
        rois=of_samples("rois.tsv"),
        samples=of_samples("sets.tsv"),
        quality=quality_pages(),
        judge=["<results>/judge/index.html"] if "judge" in config else [],
    output:
        page="<results>/report/index.html",
    log:
        "<results>/logs/page.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("page", *PAGE_PARTS, "deeprecon/report/page.html"),
        study=config["study"],
        settings=config,
        subjects=study.subjects,
        sets=shown_sets(),
        simulated=study.simulated,
    script:
        "../scripts/page.py"

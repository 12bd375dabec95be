# Figures of the results.

from deeprecon.evaluate.published import published
from deeprecon.report import compare


def figure(name, caption, category):
    """A figure that is also in Snakemake's own report."""
    return report(
        f"<results>/report/{name}.png",
        caption=f"../report/{caption}.rst",
        category=category,
        labels={"set": "{set}"} if "{set}" in name else None,
    )


def files_of(blocks):
    """Files of the reconstructions that the blocks of a figure show."""
    return [f"<results>/{row.file}" for block in blocks for row in block.rows]


rule gallery:
    input:
        table=paths.STIMULI,
        recon=lambda w: files_of(compare.gallery_blocks(study, w.set)),
    output:
        figure=figure("gallery_{set}", "gallery", "Reconstructions"),
    log:
        "<results>/logs/gallery/{set}.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("gallery"),
        study=study.name,
        blocks=lambda w: compare.labels_of(compare.gallery_blocks(study, w.set)),
        shown=lambda w: compare.shown_as(study, w.set),
        image=image_settings(),
    script:
        "../scripts/gallery.py"


use rule gallery as comparison with:
    input:
        table=paths.STIMULI,
        recon=lambda w: files_of(compare.comparison_blocks(study, w.set)),
    output:
        figure=figure("comparison_{set}", "comparison", "Reconstructions"),
    log:
        "<results>/logs/comparison/{set}.log",
    params:
        blocks=lambda w: compare.labels_of(compare.comparison_blocks(study, w.set)),


rule search_figures:
    input:
        recon=lambda w: files_of(compare.gallery_blocks(study, w.set)),
    output:
        losses=figure("losses_{set}", "losses", "Reconstructions"),
        snapshots=figure("snapshots_{set}", "snapshots", "Reconstructions"),
    log:
        "<results>/logs/search_figures/{set}.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("search_figures"),
        study=study.name,
        rows=lambda w: [(r.label, r.method) for r in compare.gallery_rows(study, w.set)],
        simulated=study.simulated,
    script:
        "../scripts/search_figures.py"


# Published values hold for the public data only.
DATASET = None if study.simulated else settings.input.dataset


rule plots:
    input:
        decoding="<results>/decoded/scores.tsv",
        repetitions="<results>/decoded/repetitions.tsv",
        scores="<results>/evaluation/scores.tsv",
    output:
        layers=figure("decoding_by_layer", "decoding", "Decoding"),
        regions=figure("decoding_by_region", "decoding", "Decoding"),
        repetitions=figure("decoding_by_repetitions", "repetitions", "Decoding"),
        identification=figure("identification", "identification", "Evaluation"),
    log:
        "<results>/logs/plots.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("plots"),
        study=study.name,
        layers=study.layers,
        simulated=study.simulated,
        published=published(DATASET, settings.sets, study.subjects),
    script:
        "../scripts/plots.py"

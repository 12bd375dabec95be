# Sources of scans and stimuli: the simulator or the user's folders.


def mask_files(subject):
    """(region, file, labels) of each mask or atlas with a region."""
    return [
        (name, str(file.path), list(file.labels))
        for name, files in study.source.masks(subject).items()
        for file in files
    ]


if study.simulated:

    include: "simulate.smk"

else:

    rule import_stimuli:
        input:
            table=f"{settings.input.stimuli}/{{set}}.tsv",
        output:
            table=paths.STIMULI,
            images=directory("<results>/stimuli/{set}"),
        log:
            "<results>/logs/import_stimuli/{set}.log",
        conda:
            "../../envs/torch.yaml"
        params:
            code=code("import_stimuli"),
            study=study.name,
        script:
            "../scripts/import_stimuli.py"

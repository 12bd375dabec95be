# Import of features decoded by the Kamitani lab, instead of training decoders.


def imported_folders(wildcards):
    """Folder of the imported features of each test set."""
    folder = study.decoders[wildcards.decoder].folder
    return [folder.replace("{set}", name) for name in study.test_sets]


rule import_decoded:
    input:
        folders=imported_folders,
        tables=expand(paths.STIMULI, set=study.test_sets),
    output:
        features=DECODED_LAYER,
    log:
        "<results>/logs/import_decoded/{subject}_{roi}_{decoder}_{layer}.log",
    wildcard_constraints:
        decoder=study.decoders_that(trained=False),
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
    params:
        code=code("import_decoded"),
        study=study.name,
        sets=study.test_sets,
        model=model_settings,
    script:
        "../scripts/import_decoded.py"

"""deeprecon: from brain scans to reconstructed images and their evaluation."""

from snakemake.utils import min_version

min_version("9.20")


# A study given by --configfile replaces the demo; Snakemake would merge the two.
if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


include: "workflow/rules/common.smk"


pathvars:
    results=f"results/{study.name}",


wildcard_constraints:
    subject=r"sub-[A-Za-z0-9]+",
    session=r"ses-[A-Za-z0-9]+",
    run=r"ses-[A-Za-z0-9]+_task-[A-Za-z0-9]+_run-[0-9]+",
    roi=r"[A-Za-z0-9_]+",
    decoder=r"[A-Za-z0-9_]+",
    method=r"[A-Za-z0-9_]+",
    layer=r"[A-Za-z0-9_]+",
    generator=r"[A-Za-z0-9_]+",
    set=r"[A-Za-z0-9_]+",
    half=r"[12]",


include: "workflow/rules/data.smk"
include: "workflow/rules/preprocess.smk"
include: "workflow/rules/weights.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/decode.smk"
include: "workflow/rules/reconstruct.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/validity.smk"
include: "workflow/rules/checks.smk"
include: "workflow/rules/judge.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


report: "workflow/report/study.rst"


rule all:
    default_target: True
    input:
        final_files(),


onsuccess:
    print(closing_words(study, Path("results", study.name)))

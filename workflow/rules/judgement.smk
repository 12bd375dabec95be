# Analysis of human judgement: answers of model observers, tables of results, and the report page.

JUDGEMENT = {
    name: f"<results>/judge/{name}.tsv"
    for name in "accuracy preferences comparisons agreement images metrics".split()
}
JUDGEMENT["observers"] = "<results>/judge/agreement_with_observers.tsv"


rule model_observers:
    input:
        trials="<results>/judge/trials.tsv",
        recon=JUDGED_RECON,
        tables=TEST_STIMULI,
        weights=network_weights(),
    output:
        responses="<results>/judge/observers.tsv",
    log:
        "<results>/logs/model_observers.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=reconstruction_memory(),
    params:
        code=code("model_observers", *network_functions(), *metric_functions()),
        study=study.name,
        targets=JUDGED,
        network=network_settings(),
        image=image_settings(),
        seed=study.seed,
    script:
        "../scripts/model_observers.py"


rule judgement:
    input:
        responses="<results>/judge/responses.tsv",
        observers="<results>/judge/observers.tsv",
        images="<results>/evaluation/image_scores.tsv",
    output:
        **JUDGEMENT,
    log:
        "<results>/logs/judgement.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("judgement"),
        study=study.name,
        n_permutations=settings.evaluate.n_permutations,
        n_bootstrap=settings.evaluate.n_bootstrap,
        seed=study.seed,
    script:
        "../scripts/judgement.py"


rule judgement_page:
    input:
        **JUDGEMENT,
        trials="<results>/judge/trials.tsv",
        study="<results>/judge/study.json",
        power="<results>/judge/power.tsv",
        raters="<results>/judge/raters.tsv",
        findings="<results>/judge/findings.tsv",
        recon=JUDGED_RECON,
        tables=TEST_STIMULI,
    output:
        page="<results>/report/judgement.html",
    log:
        "<results>/logs/judgement_page.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("judgement_page"),
        study=study.name,
        targets=JUDGED,
        folder=RATINGS,
        image=image_settings(),
        layers=study.layers,
        simulated=study.simulated,
    script:
        "../scripts/judgement_page.py"

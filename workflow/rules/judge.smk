# Human judgement: the page for raters, their answers, and what they say of the reconstructions.


if "judge" in config:

    # Kept until a new page is whole: a key to which there are ratings must not get lost.
    rule study_page:
        input:
            recon=[f"<results>/recon/{path}.h5" for path in judged()],
            tables=expand("<results>/stimuli/{set}.tsv", set=study.test_sets),
            training="<results>/stimuli/train.tsv",
            texts=own_texts(),
        output:
            page=update("<results>/judge/index.html"),
            trials=update("<results>/judge/trials.tsv"),
            study=update("<results>/judge/study.json"),
            power="<results>/judge/power.tsv",
        log:
            "<results>/logs/study_page.log",
        conda:
            "../../envs/torch.yaml"
        params:
            code=code("study_page", "deeprecon/judge/page.html", *TEXTS),
            study=config["study"],
            targets=judged(),
            tasks=config["judge"]["tasks"],
            n_raters=config["judge"]["n_raters"],
            title=config["judge"]["title"],
            consent=config["judge"]["consent"],
            language=config["judge"]["language"],
            completion_url=config["judge"].get("completion_url"),
            folder=ratings_folder(),
            seed=config["seed"],
        script:
            "../scripts/study_page.py"

    # A log of the limits by which raters are left out: they must not follow the ratings.
    rule freeze_rules:
        output:
            rules=update("<results>/judge/rules.tsv"),
        log:
            "<results>/logs/freeze_rules.log",
        conda:
            "../../envs/torch.yaml"
        params:
            code=code("freeze_rules"),
            study=config["study"],
            rules=config["judge"]["rules"],
            folder=ratings_folder(),
        script:
            "../scripts/freeze_rules.py"

    rule ratings:
        input:
            trials="<results>/judge/trials.tsv",
            rules="<results>/judge/rules.tsv",
            files=sent_files,
        output:
            responses="<results>/judge/responses.tsv",
            raters="<results>/judge/raters.tsv",
            findings="<results>/judge/findings.tsv",
        log:
            "<results>/logs/ratings.log",
        conda:
            "../../envs/torch.yaml"
        params:
            code=code("ratings"),
            study=config["study"],
            rules=config["judge"]["rules"],
            folder=ratings_folder(),
        script:
            "../scripts/ratings.py"

    rule model_observers:
        input:
            trials="<results>/judge/trials.tsv",
            recon=[f"<results>/recon/{path}.h5" for path in judged()],
            tables=expand("<results>/stimuli/{set}.tsv", set=study.test_sets),
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
            code=code("model_observers"),
            study=config["study"],
            targets=judged(),
            network=config["network"],
            image=image_settings(),
            seed=config["seed"],
        script:
            "../scripts/model_observers.py"

    rule judgement:
        input:
            responses="<results>/judge/responses.tsv",
            observers="<results>/judge/observers.tsv",
            images="<results>/evaluation/image_scores.tsv",
        output:
            accuracy="<results>/judge/accuracy.tsv",
            preferences="<results>/judge/preferences.tsv",
            comparisons="<results>/judge/comparisons.tsv",
            agreement="<results>/judge/agreement.tsv",
            images="<results>/judge/images.tsv",
            metrics="<results>/judge/metrics.tsv",
            observers="<results>/judge/agreement_with_observers.tsv",
        log:
            "<results>/logs/judgement.log",
        conda:
            "../../envs/torch.yaml"
        params:
            code=code("judgement"),
            study=config["study"],
            n_permutations=config["evaluate"]["n_permutations"],
            n_bootstrap=config["evaluate"]["n_bootstrap"],
            seed=config["seed"],
        script:
            "../scripts/judgement.py"

    rule judgement_page:
        input:
            trials="<results>/judge/trials.tsv",
            study="<results>/judge/study.json",
            power="<results>/judge/power.tsv",
            raters="<results>/judge/raters.tsv",
            findings="<results>/judge/findings.tsv",
            accuracy="<results>/judge/accuracy.tsv",
            preferences="<results>/judge/preferences.tsv",
            comparisons="<results>/judge/comparisons.tsv",
            agreement="<results>/judge/agreement.tsv",
            images="<results>/judge/images.tsv",
            metrics="<results>/judge/metrics.tsv",
            observers="<results>/judge/agreement_with_observers.tsv",
            recon=[f"<results>/recon/{path}.h5" for path in judged()],
            tables=expand("<results>/stimuli/{set}.tsv", set=study.test_sets),
        output:
            page="<results>/report/judgement.html",
        log:
            "<results>/logs/judgement_page.log",
        conda:
            "../../envs/torch.yaml"
        params:
            code=code("judgement_page", *JUDGEMENT_PARTS),
            study=config["study"],
            targets=judged(),
            folder=ratings_folder(),
            image=image_settings(),
            layers=config["network"]["layers"],
            simulated=study.simulated,
        script:
            "../scripts/judgement_page.py"

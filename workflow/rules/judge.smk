# The page on which people judge the reconstructions.


if "judge" in config:

    rule study_page:
        input:
            recon=[f"<results>/recon/{path}.h5" for path in judged()],
            tables=expand("<results>/stimuli/{set}.tsv", set=study.test_sets),
        output:
            page="<results>/judge/index.html",
            trials="<results>/judge/trials.tsv",
            study="<results>/judge/study.json",
        log:
            "<results>/logs/study_page.log",
        conda:
            "../../envs/torch.yaml"
        params:
            code=code("study_page", "deeprecon/judge/page.html"),
            study=config["study"],
            targets=judged(),
            n_raters=config["judge"]["n_raters"],
            trials_per_rater=config["judge"]["trials_per_rater"],
            title=config["judge"]["title"],
            consent=config["judge"]["consent"],
            seed=config["seed"],
        script:
            "../scripts/study_page.py"

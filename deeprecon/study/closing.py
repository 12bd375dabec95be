"""The last lines of a workflow run: what was made, and which files to open."""

from pathlib import Path

from deeprecon.study.plan import Study


def closing_words(study: Study, folder: Path) -> str:
    """Say what was made; empty if only some files of the study were requested.

    Parameters
    ----------
    study : Study
    folder : folder of its results
    """
    if not Path(folder, "report/index.html").is_file():
        return ""
    images = len(list(folder.glob("recon/*/*/*/*/*.png")))
    words = [
        "",
        f"Study '{study.name}' is complete: {images} reconstructed images.",
        f"  open {folder}/report/index.html    all images, scores and checks",
        f"       {folder}/evaluation/scores.tsv    every score as a table",
    ]
    if study.settings.judge:
        words += [
            f"       {folder}/judge/index.html    the page for human judgement",
            f"       {folder}/report/judgement.html    who judged what, and how",
        ]
    if study.simulated:
        words.append("All brain data of this study are simulated; no person was scanned.")
    return "\n".join(words)

"""The study page that raters open, and the key that stays in the laboratory.

`index.html` is a single file that makes no network request; give it to raters with `?rater=1`,
`?rater=2`, ... It contains pictures (PNG, at most 256 pixels wide), opaque ids and the order of
trials, but no names, and no answers except those of practice. A page without a server cannot hide
everything: whoever reads its source and compares the lists can find out which original returns
with a reconstruction.

`trials.tsv` is the key: the trials with the opaque ids of the pictures (top, left, right). The key
and `study.json` (counts, checksums, lists) stay in the laboratory. The results of raters name the
SHA-256 of `trials.tsv` as their study.
"""

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from deeprecon import package_data, provenance
from deeprecon.atomic import replacing
from deeprecon.errors import InputError
from deeprecon.judge.pictures import data_uri, opaque_id, read_picture
from deeprecon.judge.practice import N_PICTURES, practice_trials
from deeprecon.judge.questions import IMAGE_COLUMNS, QUESTION, check_images
from deeprecon.judge.trials import PICTURES, TRIAL_COLUMNS
from deeprecon.tables import read_table

SCHEMA = "deeprecon-study/1"
_PLACEHOLDER = "__STUDY__"

logger = logging.getLogger(__name__)


def build_study(
    trials: pd.DataFrame,
    images: pd.DataFrame,
    training: Sequence[str | os.PathLike[str]],
    out_dir: str | os.PathLike[str],
    *,
    title: str,
    consent: str,
    texts: Mapping[str, str],
    seed: int,
    completion_url: str | None = None,
    rated: str | None = None,
    attributes: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write the page for raters, the key and `study.json`, whose content is returned.

    Parameters
    ----------
    trials : DataFrame from `deeprecon.judge.trials.build_trials`
    images : DataFrame from which the trials were made
    training : files of at least 8 training images, some of which are used for practice
    out_dir : folder of the three files
    title : heading of the page
    consent : text that a rater must agree to; an empty line starts a new paragraph
    texts : all other texts of the page, from `deeprecon.judge.texts.read_texts`
    seed : salt of the opaque picture ids, and choice of practice images
    completion_url : where raters return to after the last trial, for example at Prolific
    rated : SHA-256 of the key to which there are ratings, if any; it must not be replaced
    attributes : provenance for `study.json`

    Raises
    ------
    InputError
        If title or consent are empty, a picture cannot be read, a trial shows a picture that
        `images` lacks, two originals of a set are identical, or the key is not `rated`.
    """
    for name, value in (("title", title), ("consent", consent)):
        if not value.strip():
            raise InputError(f"{name}: found an empty text; the study page needs one")
    salt = hashlib.sha256(f"deeprecon-study {seed}".encode()).digest()
    key, shown = _with_pictures(trials, images, salt)
    text = key.to_csv(sep="\t", index=False, lineterminator="\n")
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    _check_rated(sha256, rated)
    practice, shown_in_practice = _practice(list(dict.fromkeys(key["task"])), training, salt, seed)
    shown |= shown_in_practice
    page = _page(
        study=sha256, title=title, consent=consent, language=texts["lang"], texts=dict(texts),
        practice=practice, completion_url=completion_url,
        lists=[_blocks(part) for _, part in key.groupby("list", sort=True)],
        images={name: data_uri(shown[name]) for name in sorted(shown)},
    )  # fmt: skip
    checksums = {"trials_sha256": sha256, "page_sha256": hashlib.sha256(page.encode()).hexdigest()}
    study = {"schema": SCHEMA, **(attributes or {}), "title": title, "seed": seed}
    study |= checksums | _counts(key, len(shown))
    summary = json.dumps(study, indent=2, ensure_ascii=False) + "\n"
    for name, written in (("trials.tsv", text), ("index.html", page), ("study.json", summary)):
        with replacing(Path(out_dir) / name) as temporary:
            temporary.write_bytes(written.encode())
    return study


def _with_pictures(
    trials: pd.DataFrame, images: pd.DataFrame, salt: bytes
) -> tuple[pd.DataFrame, dict[str, Image.Image]]:
    """The key, which is the trials with the opaque ids of their pictures, and id -> picture."""
    files = _files_of_trials(trials, images)
    pictures = {file: read_picture(file) for file in sorted(set(files.to_numpy().ravel()))}
    ids = {file: opaque_id(picture, salt) for file, picture in pictures.items()}
    _check_distinct(images, ids)
    key = trials.assign(**{side: files[side].map(ids) for side in PICTURES})
    same = int((key["left"] == key["right"]).sum())
    if same:
        logger.warning("%d trials show the same picture twice: their methods do not differ", same)
    return key, {ids[file]: picture for file, picture in pictures.items()}


def _check_rated(sha256: str, rated: str | None) -> None:
    """Refuse to replace a key to which there are ratings."""
    if rated not in (None, sha256):
        raise InputError(
            f"the page would change (key {sha256[:12]}... in place of {rated[:12]}...), but there "
            "are ratings of the present page: images, tasks or the program have changed since; "
            "move the ratings and the folder of the page away, or undo the change"
        )


def _counts(key: pd.DataFrame, n_pictures: int) -> dict[str, Any]:
    """What `study.json` says about the trials and lists."""
    kinds = key["kind"].value_counts()
    lists = [
        {
            "list": number,
            "link": f"index.html?rater={number}",
            "trials": len(part),
            "tasks": part["task"].value_counts(sort=False).to_dict(),
        }
        for number, part in ((n, key[key["list"] == n]) for n in key["list"].unique().tolist())
    ]
    return {
        "n_trials": len(key),
        "n_catch": int(kinds.get("catch", 0)),
        "n_repeat": int(kinds.get("repeat", 0)),
        "n_questions": len(key.loc[key["kind"] == "test", ["task", *QUESTION]].drop_duplicates()),
        "n_pictures": n_pictures,
        "n_lists": len(lists),
        "lists": lists,
    }


def read_key(path: str | os.PathLike[str]) -> tuple[pd.DataFrame, str]:
    """Read the key of a study, and the SHA-256 by which results name the study.

    Raises
    ------
    InputError
        If the file is not a table of trials.
    """
    key = read_table(path, text=True, columns=(*TRIAL_COLUMNS, *PICTURES))
    key["shared"] = key["shared"] == "True"
    key[["list", "order"]] = key[["list", "order"]].astype(int)
    return key, provenance.sha256(Path(path))


def pictures_of(trial: Any) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The pictures of a trial: on top, the target and the foil.

    Each is ("original", set, stimulus) or ("recon", subject, roi, method, set, stimulus).

    Examples
    --------
    >>> row = dict.fromkeys(QUESTION, "n/a") | {"set": "letters", "target": "A", "foil": "C"}
    >>> trial = pd.Series(row | {"task": "identification", "kind": "catch"})
    >>> pictures_of(trial)
    (('original', 'letters', 'A'), ('original', 'letters', 'A'), ('original', 'letters', 'C'))
    """
    original = ("original", trial.set, trial.target)
    recon = ("recon", trial.subject, trial.roi, trial.method, trial.set, trial.target)
    if trial.task == "preference":
        other = ("recon", trial.subject, trial.foil_roi, trial.foil_method, trial.set, trial.foil)
        return original, original if trial.kind == "catch" else recon, other
    foil = ("original", trial.set, trial.foil)
    return original if trial.kind == "catch" else recon, original, foil


def picture_files(images: pd.DataFrame) -> dict[tuple[str, ...], str]:
    """The file of each picture that `pictures_of` can name."""
    files: dict[tuple[str, ...], str] = {}
    for *shown, stimulus, true, recon in images[IMAGE_COLUMNS].to_numpy(str).tolist():
        files["original", shown[-1], stimulus] = true
        files["recon", *shown, stimulus] = recon
    return files


def _files_of_trials(trials: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """The files that each trial shows: columns top, left and right, in the order of `trials`."""
    check_images(images)
    missing = [column for column in TRIAL_COLUMNS if column not in trials]
    if missing:
        raise InputError(f"trials: no column {missing[0]!r}; found {list(trials.columns)}")
    files = picture_files(images)
    rows = []
    for trial in trials.itertuples():
        try:
            top, target, foil = (files[name] for name in pictures_of(trial))
        except KeyError as error:
            raise InputError(
                f"trials: {trial.trial_id}: no picture in `images` for {error.args[0]}"
            ) from None
        rows.append((top, target, foil) if trial.target_side == "left" else (top, foil, target))
    return pd.DataFrame(rows, columns=list(PICTURES), index=trials.index)


def _check_distinct(images: pd.DataFrame, ids: Mapping[str, str]) -> None:
    """Refuse identical originals in a set: a trial with both would have no answer."""
    seen: dict[tuple[str, str], str] = {}
    originals = images[["set", "stimulus_id", "true_file"]].astype({"true_file": str})
    for name, stimulus, file in originals.itertuples(index=False, name=None):
        if file not in ids:
            continue
        first = seen.setdefault((name, ids[file]), stimulus)
        if first != stimulus:
            raise InputError(
                f"images: set {name!r}: the originals of {first!r} and {stimulus!r} are the same "
                "picture"
            )


def _practice(
    tasks: Sequence[str], training: Sequence[str | os.PathLike[str]], salt: bytes, seed: int
) -> tuple[dict[str, list[list[str]]], dict[str, Image.Image]]:
    """Task -> [top, left, right, answer] of each practice trial, and id -> picture."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(training))[:N_PICTURES]
    pictures = [read_picture(training[i]) for i in chosen]
    rows: dict[str, list[list[str]]] = {}
    shown: dict[str, Image.Image] = {}
    for task in tasks:
        rows[task] = []
        for trial in practice_trials(task, pictures, rng):
            ids = [opaque_id(picture, salt) for picture in trial[:3]]
            shown |= dict(zip(ids, trial[:3], strict=True))
            rows[task].append([*ids, trial.answer])
    return rows, shown


def _blocks(trials: pd.DataFrame) -> list[list[Any]]:
    """[task, [[trial_id, top, left, right], ...]] of each block in a list: what a rater sees."""
    columns = ["trial_id", *PICTURES]
    return [
        [task, part[columns].to_numpy(str).tolist()]
        for task, part in trials.groupby("task", sort=False)
    ]


def _page(**content: Any) -> str:
    """Fill the template of the page with JSON that cannot close the script element around it."""
    text = json.dumps(content, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    template = package_data.path("judge/page.html").read_text("utf-8")
    before, _, after = template.partition(_PLACEHOLDER)
    return before + text + after

"""The study: the page that raters open, and the key that stays with the laboratory."""

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

from deeprecon.atomic import replacing
from deeprecon.errors import InputError
from deeprecon.judge.pictures import data_uri, opaque_id, read_picture
from deeprecon.judge.practice import N_PICTURES, practice_trials
from deeprecon.judge.questions import QUESTION, SHOWN, check_images
from deeprecon.judge.trials import TRIAL_COLUMNS

SCHEMA = "deeprecon-study/1"
_TEMPLATE = Path(__file__).with_name("page.html")
_PLACEHOLDER = "__STUDY__"
_SIDES = ("top", "left", "right")

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
    """Write the page for raters and its key.

    Parameters
    ----------
    trials : DataFrame from `deeprecon.judge.trials.build_trials`
    images : DataFrame that the trials were built from
    training : files of training images, at least 8: practice shows some of them
    out_dir : folder of the three files
    title : heading of the page
    consent : text that a rater must agree to, written by the laboratory; an empty line starts a
        new paragraph
    texts : all other words of the page, from `deeprecon.judge.texts.read_texts`
    seed : salt of the pictures' opaque ids, and choice of practice
    completion_url : where raters of Prolific and the like return to when they have finished
    rated : SHA-256 of the key that ratings were given to, if there are any: no other may take its
        place
    attributes : provenance to be kept in `study.json`

    Returns
    -------
    dict
        The content of `study.json`.

    Raises
    ------
    InputError
        If the title or the consent text is empty, a picture cannot be read, a trial names a
        picture that `images` has not, or two originals of a set are the same picture; if the key
        is not the one that ratings were given to. Nothing is written then.

    Notes
    -----
    `index.html` is one file without any request to a network: give it to raters, with
    `?rater=1`, `?rater=2`, ... It holds pictures (PNG, at most 256 pixels wide), opaque ids and
    the order of trials, no names and no answers but those of practice. (A page without a server
    cannot hide all: who reads its source and compares the lists can find the original that returns
    with a picture.) `trials.tsv` is the key: the trials with the opaque ids of the pictures (top,
    left, right). It and `study.json` (counts, checksums, lists) stay with the laboratory. A
    rater's results name the sha256 of `trials.tsv` as their study.
    """
    for name, value in (("title", title), ("consent", consent)):
        if not value.strip():
            raise InputError(f"{name}: found an empty text; the study page needs one")
    files = _files_of_trials(trials, images)
    salt = hashlib.sha256(f"deeprecon-study {seed}".encode()).digest()
    pictures = {file: read_picture(file) for file in sorted(set(files.to_numpy().ravel()))}
    ids = {file: opaque_id(picture, salt) for file, picture in pictures.items()}
    _check_distinct(images, ids)
    key = trials.assign(**{side: files[side].map(ids) for side in _SIDES})
    same = int((key["left"] == key["right"]).sum())
    if same:
        logger.warning("%d trials show the same picture twice: their methods do not differ", same)
    text = key.to_csv(sep="\t", index=False, lineterminator="\n")
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    if rated not in (None, sha256):
        raise InputError(
            f"the page would change (key {sha256[:12]}... in place of {rated[:12]}...), but there "
            "are ratings of the present one: pictures, tasks or the program have changed since; "
            "move the ratings and the folder of the page away, or change back"
        )
    tasks = list(dict.fromkeys(key["task"]))
    practice, shown_in_practice = _practice(tasks, training, salt, seed)
    shown = {ids[file]: picture for file, picture in pictures.items()} | shown_in_practice
    content = {
        "study": sha256,
        "title": title,
        "consent": consent,
        "language": texts["lang"],
        "texts": dict(texts),
        "practice": practice,
        "completion_url": completion_url,
        "lists": [_blocks(part) for _, part in key.groupby("list", sort=True)],
        "images": {name: data_uri(shown[name]) for name in sorted(shown)},
    }
    page = _page(content)
    lists = [
        {
            "list": number,
            "link": f"index.html?rater={number}",
            "trials": len(part),
            "tasks": part["task"].value_counts(sort=False).to_dict(),
        }
        for number, part in ((n, key[key["list"] == n]) for n in key["list"].unique().tolist())
    ]
    study = {
        "schema": SCHEMA,
        **(attributes or {}),
        "title": title,
        "seed": seed,
        "trials_sha256": sha256,
        "page_sha256": hashlib.sha256(page.encode()).hexdigest(),
        "n_trials": len(key),
        "n_catch": int((key["kind"] == "catch").sum()),
        "n_repeat": int((key["kind"] == "repeat").sum()),
        "n_questions": len(key.loc[key["kind"] == "test", ["task", *QUESTION]].drop_duplicates()),
        "n_pictures": len(shown),
        "n_lists": len(lists),
        "lists": lists,
    }
    contents = {
        "trials.tsv": text,
        "index.html": page,
        "study.json": json.dumps(study, indent=2, ensure_ascii=False) + "\n",
    }
    for name, written in contents.items():
        with replacing(Path(out_dir) / name) as temporary:
            temporary.write_bytes(written.encode())
    return study


def read_key(path: str | os.PathLike[str]) -> tuple[pd.DataFrame, str]:
    """The key of a study, and the SHA-256 by which results name it.

    Raises
    ------
    InputError
        If it is not a table of trials.
    """
    raw = Path(path).read_bytes()
    key = pd.read_csv(path, sep="\t", keep_default_na=False, dtype=str)
    missing = [column for column in (*TRIAL_COLUMNS, *_SIDES) if column not in key]
    if missing:
        raise InputError(f"{path}: no column {missing[0]!r}; found {list(key.columns)}")
    key["shared"] = key["shared"] == "True"
    key[["list", "order"]] = key[["list", "order"]].astype(int)
    return key, hashlib.sha256(raw).hexdigest()


def pictures_of(trial: Any) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Which pictures a trial shows: on top, as the target and as the foil.

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
    """File of each picture that `pictures_of` can name."""
    files: dict[tuple[str, ...], str] = {}
    columns = [*SHOWN, "stimulus_id", "true_file", "recon_file"]
    for *shown, stimulus, true, recon in images[columns].to_numpy(str).tolist():
        files["original", shown[-1], stimulus] = true
        files["recon", *shown, stimulus] = recon
    return files


def _files_of_trials(trials: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """The files shown in each trial: columns top, left, right, in the order of `trials`."""
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
    return pd.DataFrame(rows, columns=list(_SIDES), index=trials.index)


def _check_distinct(images: pd.DataFrame, ids: Mapping[str, str]) -> None:
    """Refuse two originals of a set that look the same: a trial with both has no answer."""
    seen: dict[tuple[str, str], str] = {}
    originals = images[["set", "stimulus_id", "true_file"]].astype({"true_file": str})
    for name, stimulus, file in originals.itertuples(index=False, name=None):
        if file not in ids:
            continue
        first = seen.setdefault((name, ids[file]), stimulus)
        if first != stimulus:
            raise InputError(
                f"images: set {name!r}: the originals of {first!r} and {stimulus!r} are the same "
                "picture, expected different ones"
            )


def _practice(
    tasks: Sequence[str], training: Sequence[str | os.PathLike[str]], salt: bytes, seed: int
) -> tuple[dict[str, list[list[str]]], dict[str, Image.Image]]:
    """Task -> [top, left, right, answer] of its practice, and the pictures by their ids."""
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
    """[task, [[trial_id, top, left, right], ...]] of each block of a list: what a rater sees."""
    columns = ["trial_id", *_SIDES]
    return [
        [task, part[columns].to_numpy(str).tolist()]
        for task, part in trials.groupby("task", sort=False)
    ]


def _page(content: Mapping[str, Any]) -> str:
    """The page's template with what it shows."""
    before, _, after = _TEMPLATE.read_text(encoding="utf-8").partition(_PLACEHOLDER)
    return before + _script_safe_json(content) + after


def _script_safe_json(value: object) -> str:
    """JSON that cannot end the script element in which it stands."""
    text = json.dumps(value, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text

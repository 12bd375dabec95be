"""The study page: which of two originals is more like the reconstruction?

A trial shows a reconstruction on top and, below it, the true original and another original of the
same stimulus set (the foil), as in Shen et al. (2019). In a catch trial the picture on top is the
true original itself: whoever looks answers it right.

`build_trials` deals trials out to lists, one list per rater, in a balanced incomplete design.
`build_study` writes the page that raters open and the key that stays with the laboratory.
"""

import base64
import hashlib
import io
import json
import math
import os
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from deeprecon.atomic import replacing
from deeprecon.errors import InputError

CATCH_SHARE = 0.07
MIN_TRIALS = 4
MAX_SIDE = 256
"""Longest side of an embedded picture in pixels; larger ones are area-averaged down to it."""

CONDITION = ["subject", "roi", "method", "set"]
IMAGE_COLUMNS = [*CONDITION, "stimulus_id", "true_file", "recon_file"]
TRIAL_COLUMNS = [
    "list", "order", "trial_id", *CONDITION, "target", "foil", "target_side", "catch",
]  # fmt: skip

_TEMPLATE = Path(__file__).with_name("page.html")
_PLACEHOLDER = "__STUDY__"


def build_trials(
    images: pd.DataFrame, *, n_raters: int, trials_per_rater: int, seed: int
) -> pd.DataFrame:
    """Deal identification trials out to raters.

    Parameters
    ----------
    images : DataFrame
        A row per reconstruction: subject, roi, method, set, stimulus_id, true_file, recon_file.
    n_raters : number of lists
    trials_per_rater : trials per list, at least 4; about 7 % of them, at least one, are catches
    seed : the same seed and table give the same trials

    Returns
    -------
    DataFrame
        `n_raters * trials_per_rater` rows in the order of presentation: list (from 1), order
        (from 1), trial_id, subject, roi, method, set ("n/a" but for the set in catch trials),
        target and foil (stimulus ids), target_side ("left" or "right"), catch (bool).

    Raises
    ------
    InputError
        If the table lacks columns or values, names a reconstruction twice, or has a set of fewer
        than two stimuli; if a list cannot be ordered without the same target twice in a row.

    Notes
    -----
    - Every reconstruction stands in equally many trials, but for one more or less, over the study
      and within a list; so does every original in catch trials.
    - The foils of a reconstruction go through all other originals of its set before one returns,
      and a full cycle uses each original once as target and once as foil.
    - Left and right differ by at most one within a list and within a reconstruction.
    - No list has the same target twice in a row.

    Examples
    --------
    >>> rows = [("sub-01", "VC", "pixel", "letters", x, f"{x}.png", f"r{x}.png") for x in "ACEIN"]
    >>> images = pd.DataFrame(rows, columns=IMAGE_COLUMNS)
    >>> trials = build_trials(images, n_raters=2, trials_per_rater=6, seed=0)
    >>> trials.groupby("list")["catch"].sum().tolist()
    [1, 1]
    >>> (trials["target_side"] == "left").groupby(trials["list"]).sum().tolist()
    [3, 3]
    """
    _check_images(images)
    if n_raters < 1:
        raise InputError(f"n_raters: found {n_raters}, expected at least 1")
    if trials_per_rater < MIN_TRIALS:
        raise InputError(
            f"trials_per_rater: found {trials_per_rater}, expected at least {MIN_TRIALS}"
        )
    rng = np.random.default_rng(seed)
    n_catch = max(1, round(CATCH_SHARE * trials_per_rater))
    recons = images[[*CONDITION, "stimulus_id"]].rename(columns={"stimulus_id": "target"})
    originals = recons.drop_duplicates(["set", "target"]).assign(
        subject="n/a", roi="n/a", method="n/a"
    )
    place = _shuffled_places(originals, rng)
    scored = _deal(recons, place, n_raters, trials_per_rater - n_catch, rng)
    catches = _deal(originals, place, n_raters, n_catch, rng)
    trials = pd.concat([scored.assign(catch=False), catches.assign(catch=True)], ignore_index=True)
    trials["target_side"] = _sides(trials, rng)
    ordered = [_ordered(part, rng) for _, part in trials.groupby("list", sort=True)]
    trials = pd.concat(ordered, ignore_index=True)
    trials["trial_id"] = [f"t{i:06d}" for i in range(1, len(trials) + 1)]
    return trials[TRIAL_COLUMNS]


def _check_images(images: pd.DataFrame) -> None:
    """Refuse a table from which no fair trials can be made."""
    missing = [column for column in IMAGE_COLUMNS if column not in images]
    if missing:
        raise InputError(f"images: no column {missing[0]!r}; found {list(images.columns)}")
    if images.empty:
        raise InputError("images: no reconstructions, expected at least two of a set")
    for column in IMAGE_COLUMNS:
        empty = images.index[images[column].isna() | (images[column].astype(str) == "")]
        if len(empty):
            raise InputError(f"images: row {empty[0]}: no value in column {column!r}")
    twice = images[images.duplicated([*CONDITION, "stimulus_id"])]
    if len(twice):
        row = twice.iloc[0][[*CONDITION, "stimulus_id"]].tolist()
        raise InputError(f"images: reconstruction {'/'.join(map(str, row))} stands more than once")
    originals = images[["set", "stimulus_id", "true_file"]].drop_duplicates()
    second = originals[originals.duplicated(["set", "stimulus_id"])]
    if len(second):
        name, stimulus, file = second.iloc[0].tolist()
        raise InputError(
            f"images: set {name!r}, stimulus {stimulus!r}: found a second original {file}, "
            "expected one"
        )
    for name, ids in images.groupby("set")["stimulus_id"]:
        if ids.nunique() < 2:
            raise InputError(
                f"images: set {name!r} has 1 stimulus, expected at least 2 (one must be the foil)"
            )


def _shuffled_places(originals: pd.DataFrame, rng: Generator) -> dict[str, dict[str, int]]:
    """Set -> stimulus -> its place (from 0) in a random order of the set."""
    return {
        str(name): {ids.iloc[k]: i for i, k in enumerate(rng.permutation(len(ids)))}
        for name, ids in originals.groupby("set")["target"]
    }


def _deal(
    items: pd.DataFrame,
    place: Mapping[str, Mapping[str, int]],
    n_lists: int,
    per_list: int,
    rng: Generator,
) -> pd.DataFrame:
    """Give every list `per_list` items with foils: columns list, those of `items`, foil.

    The items stand in a ring, and each list takes the next `per_list` of it. Where a round ends
    with a list, the ring is drawn anew: else half as many trials as items, say, would leave two
    groups of raters who have no item in common.
    """
    n_slots = n_lists * per_list
    block = math.lcm(len(items), per_list)
    rings = [_ring(items, place, rng) for _ in range(math.ceil(n_slots / block))]
    slots = np.arange(n_slots)
    rows = [rings[slot // block][slot % len(items)] for slot in slots]
    dealt = items.iloc[rows].reset_index(drop=True)
    dealt.insert(0, "list", slots // per_list + 1)
    dealt["foil"] = _foils(dealt, slots // len(items), place, rng)
    return dealt


def _ring(items: pd.DataFrame, place: Mapping[str, Mapping[str, int]], rng: Generator) -> list[int]:
    """Row numbers of all items, conditions and targets spread evenly over the round.

    Each condition goes once through its set, in the set's order for this ring; conditions of the
    same set are shifted against each other, so that few trials in a row have the same target.
    """
    turns = {name: rng.permutation(len(places)) for name, places in place.items()}
    position = np.empty(len(items))
    shifts: dict[tuple[str, ...], int] = {}
    keys = items[CONDITION].itertuples(index=False, name=None)
    for row, (key, target) in enumerate(zip(keys, items["target"], strict=True)):
        name = key[-1]
        if key not in shifts:
            shifts[key] = sum(other[-1] == name for other in shifts)
        turn = turns[name][(place[name][target] + shifts[key]) % len(turns[name])]
        position[row] = (turn + rng.random()) / len(turns[name])
    return [int(row) for row in np.argsort(position)]


def _foils(
    dealt: pd.DataFrame,
    rounds: NDArray[np.integer],
    place: Mapping[str, Mapping[str, int]],
    rng: Generator,
) -> list[str]:
    """The foil of each trial: in each round, the original a fixed number of places further on.

    A condition's steps are a random order of 1 ... n - 1: a Latin square of targets and foils.
    """
    stimuli = {name: sorted(places, key=places.__getitem__) for name, places in place.items()}
    steps: dict[Hashable, NDArray[np.integer]] = {}
    foils = []
    keys = dealt[CONDITION].itertuples(index=False, name=None)
    for key, target, turn in zip(keys, dealt["target"], rounds, strict=True):
        ids = stimuli[key[-1]]
        if key not in steps:
            steps[key] = rng.permutation(len(ids) - 1) + 1
        step = int(steps[key][turn % (len(ids) - 1)])
        foils.append(ids[(place[key[-1]][target] + step) % len(ids)])
    return foils


def _sides(trials: pd.DataFrame, rng: Generator) -> list[str]:
    """Side of the target in each trial, balanced within lists and within reconstructions.

    Trials are paired within each list (catches with catches as far as possible), and again within
    each reconstruction; the two of a pair get opposite sides. The pairs form paths and cycles
    that alternate between both kinds, so that the cycles are even and this is always possible.
    """
    mixed = [int(i) for i in rng.permutation(len(trials))]
    by_kind, odd = _pairs(trials[["list", "catch"]], mixed)
    by_list, _ = _pairs(trials[["list"]], odd)
    by_item, _ = _pairs(trials[[*CONDITION, "target"]], mixed)
    opposite: list[list[int]] = [[] for _ in mixed]
    for a, b in by_kind + by_list + by_item:
        opposite[a].append(b)
        opposite[b].append(a)
    side: dict[int, int] = {}
    for start in range(len(trials)):
        if start in side:
            continue
        side[start] = int(rng.integers(2))
        waiting = [start]
        while waiting:
            trial = waiting.pop()
            for other in opposite[trial]:
                if other not in side:
                    side[other] = 1 - side[trial]
                    waiting.append(other)
    return [("left", "right")[side[i]] for i in range(len(trials))]


def _pairs(groups: pd.DataFrame, order: Sequence[int]) -> tuple[list[tuple[int, int]], list[int]]:
    """Pairs of rows of the same group, made in the given order, and the odd rows left over."""
    keys = list(groups.itertuples(index=False, name=None))
    pairs: list[tuple[int, int]] = []
    single: dict[Hashable, int] = {}
    for i in order:
        if keys[i] in single:
            pairs.append((single.pop(keys[i]), i))
        else:
            single[keys[i]] = i
    return pairs, list(single.values())


def _ordered(trials: pd.DataFrame, rng: Generator) -> pd.DataFrame:
    """One list in random order, no target twice in a row, with the column order (from 1)."""
    waiting: dict[tuple[str, str], list[int]] = {}
    for i in map(int, rng.permutation(len(trials))):
        key = (trials["set"].iloc[i], trials["target"].iloc[i])
        waiting.setdefault(key, []).append(i)
    rows: list[int] = []
    last: tuple[str, str] | None = None
    for n_left in range(len(trials), 0, -1):
        # A target with more than half of what is left must come now, or two will meet later.
        key = max(waiting, key=lambda k: len(waiting[k]))
        if 2 * len(waiting[key]) <= n_left:
            keys = [k for k in waiting if k != last]
            weight = np.cumsum([len(waiting[k]) for k in keys])
            key = keys[int(np.searchsorted(weight, rng.integers(weight[-1]), side="right"))]
        elif key == last:
            raise InputError(
                f"trials: list {trials['list'].iloc[0]}: too many of its {len(trials)} trials have "
                f"the target {'/'.join(map(str, key))} to keep them apart; expected more stimuli "
                "or another number of trials per rater"
            )
        rows.append(waiting[key].pop())
        if not waiting[key]:
            del waiting[key]
        last = key
    return trials.iloc[rows].assign(order=np.arange(1, len(rows) + 1))


def build_study(
    trials: pd.DataFrame,
    images: pd.DataFrame,
    out_dir: str | os.PathLike[str],
    *,
    title: str,
    consent: str,
    seed: int,
    attributes: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write the page for raters and its key.

    Parameters
    ----------
    trials : DataFrame from `build_trials`
    images : DataFrame that the trials were built from
    out_dir : folder of the three files
    title : heading of the page
    consent : text that a rater must agree to, written by the laboratory; an empty line starts a
        new paragraph
    seed : salt of the pictures' opaque ids
    attributes : provenance to be kept in `study.json`

    Returns
    -------
    dict
        The content of `study.json`.

    Raises
    ------
    InputError
        If the title or the consent text is empty, a picture cannot be read, a trial names a
        picture that `images` has not, or two originals of a set are the same picture.

    Notes
    -----
    `index.html` is one file without any request to a network: give it to raters, with
    `?rater=1`, `?rater=2`, ... It holds pictures (PNG, at most 256 pixels wide), opaque ids and
    the order of trials, no names and no answers. (A page without a server cannot hide all: who
    reads its source and compares the lists can find the original that returns with a picture.)
    `trials.tsv` is the key: the trials with the opaque ids of the pictures (top, left, right). It
    and `study.json` (counts, checksums, lists) stay with the laboratory. A rater's results name
    the sha256 of `trials.tsv` as their study.
    """
    for name, value in (("title", title), ("consent", consent)):
        if not value.strip():
            raise InputError(f"{name}: found an empty text; the study page needs one")
    files = _files_of_trials(trials, images)
    salt = hashlib.sha256(f"deeprecon-study {seed}".encode()).digest()
    ids, pictures = _embed(sorted(set(files.to_numpy().ravel())), salt)
    _check_distinct(images, ids)
    key = trials.assign(**{side: files[side].map(ids) for side in ("top", "left", "right")})
    text = key.to_csv(sep="\t", index=False, lineterminator="\n")
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    page = _page(key, pictures, sha256, title, consent)
    counts = key.groupby("list")["catch"].agg(["size", "sum"])
    study = {
        "schema": "deeprecon-study/1",
        **(attributes or {}),
        "title": title,
        "seed": seed,
        "trials_sha256": sha256,
        "page_sha256": hashlib.sha256(page.encode()).hexdigest(),
        "n_lists": len(counts),
        "n_trials": len(key),
        "n_catch": int(key["catch"].sum()),
        "n_reconstructions": len(key.loc[~key["catch"], [*CONDITION, "target"]].drop_duplicates()),
        "n_pictures": len(pictures),
        "lists": [
            {"list": int(n), "link": f"index.html?rater={n}", "trials": int(a), "catch": int(b)}
            for n, a, b in counts.itertuples()
        ],
    }
    contents = {
        "trials.tsv": text,
        "index.html": page,
        "study.json": json.dumps(study, indent=2, ensure_ascii=False) + "\n",
    }
    for name, content in contents.items():
        with replacing(Path(out_dir) / name) as temporary:
            temporary.write_bytes(content.encode())
    return study


def _files_of_trials(trials: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """The files shown in each trial: columns top, left, right, in the order of `trials`."""
    _check_images(images)
    missing = [column for column in TRIAL_COLUMNS if column not in trials]
    if missing:
        raise InputError(f"trials: no column {missing[0]!r}; found {list(trials.columns)}")
    originals = images.set_index(["set", "stimulus_id"])["true_file"].astype(str).to_dict()
    recons = images.set_index([*CONDITION, "stimulus_id"])["recon_file"].astype(str).to_dict()
    rows = []
    for trial in trials.itertuples():
        try:
            true = originals[trial.set, trial.target]
            foil = originals[trial.set, trial.foil]
            recon = (trial.subject, trial.roi, trial.method, trial.set, trial.target)
            top = true if trial.catch else recons[recon]
        except KeyError as error:
            raise InputError(
                f"trials: {trial.trial_id}: no picture in `images` for {error.args[0]}"
            ) from None
        rows.append((top, true, foil) if trial.target_side == "left" else (top, foil, true))
    return pd.DataFrame(rows, columns=["top", "left", "right"], index=trials.index)


def _embed(files: Sequence[str], salt: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """File -> opaque id, and opaque id -> data URI, in the order of the ids.

    Pictures are written anew as PNG, which leaves behind whatever names their metadata hold. The
    id is that of the pixels, so that it does not change with the PNG library.
    """
    ids, pictures = {}, {}
    for file in files:
        picture = _read_picture(file)
        pixels = f"{picture.size}".encode() + picture.tobytes()
        ids[file] = hashlib.sha256(salt + pixels).hexdigest()[:12]
        if ids[file] not in pictures:
            buffer = io.BytesIO()
            picture.save(buffer, "PNG", optimize=True)
            encoded = base64.b64encode(buffer.getvalue()).decode()
            pictures[ids[file]] = f"data:image/png;base64,{encoded}"
    return ids, dict(sorted(pictures.items()))


def _read_picture(file: str) -> Image.Image:
    """An RGB image without metadata, at most MAX_SIDE pixels on its longest side."""
    try:
        with Image.open(file) as image:
            rgb = image.convert("RGB")
    except FileNotFoundError:
        raise InputError(f"{file}: no such picture") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read as a picture ({error})") from None
    rgb.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX)
    return Image.fromarray(np.asarray(rgb))


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


def _page(
    key: pd.DataFrame, pictures: Mapping[str, str], sha256: str, title: str, consent: str
) -> str:
    """The page's template with what it shows; of the key, only what a rater sees anyway."""
    shown = ["trial_id", "top", "left", "right"]
    content = {
        "study": sha256,
        "title": title,
        "consent": consent,
        "images": pictures,
        "lists": [part[shown].to_numpy(str).tolist() for _, part in key.groupby("list", sort=True)],
    }
    before, _, after = _TEMPLATE.read_text(encoding="utf-8").partition(_PLACEHOLDER)
    return before + _script_safe_json(content) + after


def _script_safe_json(value: object) -> str:
    """JSON that cannot end the script element in which it stands."""
    text = json.dumps(value, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text

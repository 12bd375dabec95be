import base64
import io
import re
from collections import defaultdict
from dataclasses import replace
from html.parser import HTMLParser

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nibabel.affines import apply_affine
from PIL import Image
from scipy import ndimage

from deeprecon.preprocess.outliers import flags, measures, rules
from deeprecon.preprocess.quality import head_positions, run_quality
from deeprecon.preprocess.rois import VoxelTable, overlaps
from deeprecon.report.quality import build_quality_page
from deeprecon.report.quality_figures import plot_overview, plot_run
from deeprecon.report.quality_maps import plot_coregistration, plot_rois, plot_tsnr
from deeprecon.report.style import webp
from tests.preprocess.phantom import AXES, head, oblique_affine, rigid, scan, t1w_head

SHAPE = (22, 26, 18)
AFFINE = oblique_affine(SHAPE, (7, 7, 7), (4, -3, 2))
REFERENCE = nib.Nifti1Image(scan(head, SHAPE, AFFINE), AFFINE)
T1W_AFFINE = oblique_affine((44, 52, 40), (4, 4, 4), (0, 0, 0), flip=False)
T1W = nib.Nifti1Image(scan(t1w_head, (44, 52, 40), T1W_AFFINE), T1W_AFFINE)
HEAD = head_positions(REFERENCE, spacing=7.0)
ORANGE = (255, 159, 28)


def run(seed, jerk=False):
    rng = np.random.default_rng(seed)
    series = 600 + rng.normal(0, 6, (40, len(HEAD.xyz)))
    if jerk:
        series[20:24] += rng.normal(0, 60, (4, 1))
    motion = np.cumsum(rng.normal(0, 0.01, (40, 6)), axis=0) * [1, 1, 1, 0.01, 0.01, 0.01]
    return run_quality(series, motion, 2.0, 8.0, HEAD)


RUNS = {f"ses-{day}_task-b_run-0{i}": run(i, jerk=i == 2) for day in "ab" for i in (1, 2, 3)}
RUNS_FLAGGED = {"ses-a_task-b_run-02", "ses-b_task-b_run-02"}
SETS = {name: "train" if "ses-a" in name else "shapes" for name in RUNS}
PLACES = HEAD.xyz[HEAD.xyz[:, 1] < -30]
VOXELS = VoxelTable(PLACES, np.zeros((len(PLACES), 3), int), {})
LEFT = PLACES[:, 0] < 0
MEMBERS = {"L": LEFT, "R": ~LEFT, "VC": np.ones(len(PLACES), bool)}


def build(**changes):
    given = {
        "study": "<script>alert(1)</script>",
        "subject": "sub-01",
        "simulated": True,
        "runs": RUNS,
        "sets": SETS,
        "reference": REFERENCE,
        "t1w": T1W,
        "t1w_to_reference": np.eye(4),
        "head": HEAD,
        "voxels": VOXELS,
        "members": MEMBERS,
        "samples": pd.DataFrame({"subject": ["sub-01"], "set": ["train"], "n_blocks": [1234]}),
        "overlaps": overlaps(MEMBERS),
    }
    return build_quality_page(**given | changes)


@pytest.fixture(scope="module")
def page():
    return build()


@pytest.fixture
def drawn(monkeypatch):
    """What each figure is drawn of, and no figure drawn."""
    calls = defaultdict(list)

    def note(name):
        def draw(*given):
            calls[name].append(given)
            return f"data:{name}-{len(calls[name])}"

        return draw

    for name in ("run", "overview", "coregistration", "tsnr", "rois"):
        monkeypatch.setattr(f"deeprecon.report.quality.plot_{name}", note(name))
    monkeypatch.setattr("deeprecon.report.quality._data_uri", str)
    return calls


class Structure(HTMLParser):
    """Elements, those that are open, ids, addresses and text."""

    def __init__(self):
        super().__init__()
        self.tags, self.open, self.ids, self.links, self.text = [], [], set(), [], []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        self.ids |= {given["id"]} if "id" in given else set()
        self.links += [given[key] for key in ("href", "src") if key in given]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data.split()


def parsed(page):
    structure = Structure()
    structure.feed(page)
    return structure


def words(page):
    return " ".join(parsed(page).text)


def decoded(binary):
    return np.asarray(Image.open(io.BytesIO(binary))).astype(int)


def pictures(page):
    found = re.findall(r"data:image/webp;base64,([^\"]+)", page)
    return [decoded(base64.b64decode(text)) for text in found]


def test_page_is_whole_and_needs_no_other_file(page):
    structure = parsed(page)
    assert structure.open == []
    assert {f"#{name}" for name in ("outliers", "runs", *RUNS_FLAGGED)} <= set(structure.links)
    for link in structure.links:
        if link.startswith("#"):
            assert link[1:] in structure.ids
        else:
            assert link.startswith("data:image/webp;base64,") or link == "index.html"
    assert "<script>alert" not in page
    assert "<script>alert(1)</script>" in words(page)


def test_names_are_text_and_nothing_else(drawn):
    evil = """'"><script src=x>"""
    page = build(
        study=evil,
        subject=evil,
        runs={evil + name: of for name, of in RUNS.items()},
        sets={evil + name: evil for name in RUNS},
        members={evil: LEFT},
        samples=pd.DataFrame({evil: [evil]}),
        overlaps=pd.DataFrame({evil: [evil]}),
    )
    structure = parsed(page)
    assert structure.open == []
    assert structure.tags.count("script") == 1
    assert {evil + name for name in RUNS} <= structure.ids
    assert "x" not in structure.links


def test_page_shows_every_run_and_every_part(page):
    shown = pictures(page)
    assert len(shown) == 4 + len(RUNS)
    assert all(picture.std() > 5 for picture in shown)
    assert set(RUNS) <= parsed(page).ids
    text = words(page)
    assert "1234" in text
    assert "median of the map" in text
    for name, mask in MEMBERS.items():
        assert re.search(rf"<td class=\"text\">{name}</td><td>{mask.sum()}</td>", page)


def test_page_names_the_runs_that_stand_out_and_why(page):
    assert set(flags(RUNS, 7.0)["run"]) == RUNS_FLAGGED
    assert "2 of 6 runs are flagged" in words(page)
    assert page.count('<span class="fault">flagged</span>') == 2
    assert re.search(r'<a href="#ses-a_task-b_run-02">.*\n.*DVARS', page)


def test_page_lists_every_rule_with_its_threshold(page):
    table, text = measures(RUNS), words(page)
    for rule in rules(table, 7.0):
        largest = table[rule.name].max()
        assert f"{rule.meaning} {rule.threshold:.3g} {rule.unit} {largest:.3g}" in text


def test_a_run_and_its_picture_stand_together(drawn):
    page = build()
    for number, name in enumerate(RUNS, 1):
        inside = page.split(f'<details id="{name}">')[1].split("</details>")[0]
        assert f'src="data:run-{number}"' in inside
        assert SETS[name] in inside
    assert [given[0] for given in drawn["run"]] == list(RUNS.values())


def test_nothing_is_flagged_where_nothing_stands_out(drawn):
    steady = {name: of for name, of in RUNS.items() if name not in RUNS_FLAGGED}
    page = build(runs=steady)
    assert "None of 4 runs are flagged" in words(page)
    assert "<details open>" in page
    assert "flagged</span>" not in page
    ((_, _, ringed, _),) = drawn["overview"]
    assert ringed == set()
    assert re.search(r"at least 30 %; from 5 runs on 30 % –", words(page))


def test_map_of_tsnr_is_the_median_over_the_runs_that_see_a_point(drawn):
    def seeing(tsnr, *unseen):
        values = np.full(len(HEAD.xyz), tsnr, np.float32)
        values[list(unseen)] = np.nan
        return replace(RUNS["ses-a_task-b_run-01"], temporal_snr=values)

    page = build(
        runs={"a": seeing(10, 0), "b": seeing(20, 0, 1), "c": seeing(90, 0)},
        sets=dict.fromkeys("abc", "train"),
    )
    values = drawn["tsnr"][0][0]
    np.testing.assert_array_equal(values[:3], [np.nan, 50, 20])
    assert "median of the map 20" in words(page)


@pytest.mark.parametrize(("units", "limit"), [((0, 4, 9), 1.0), ((60, 60, 127), 3.0)])
def test_carpets_share_a_grey_scale(units, limit, drawn):
    """Neither too narrow nor that of the one run that moved most, nor of the lead-in."""
    runs = {}
    for name, unit in zip("abc", units, strict=True):
        carpet = np.full((40, 50), unit, np.int8)
        carpet[:4] = 127
        runs[name] = replace(RUNS["ses-a_task-b_run-01"], carpet=carpet)
    build(runs=runs, sets=dict.fromkeys("abc", "train"))
    assert [given[1] for given in drawn["run"]] == [pytest.approx(limit)] * 3


def test_only_the_note_tells_simulated_data_from_real_ones(drawn):
    note = re.compile(r'<p class="note"><strong>Simulated data.*?</p>', re.DOTALL)
    simulated = build()
    drawn.clear()  # so that pictures are counted from one again
    found = build(simulated=False)
    assert "No person was scanned" in simulated
    assert "imulated" not in found
    assert note.sub("", simulated).split() == found.split()


def test_the_same_run_gives_the_same_picture_byte_for_byte():
    one, two = (webp(plot_run(RUNS["ses-a_task-b_run-01"], carpet_limit=2.0)) for _ in range(2))
    assert one == two


def test_a_run_is_drawn_over_its_seconds():
    quality = RUNS["ses-a_task-b_run-01"]
    axes = plot_run(quality, carpet_limit=2.0).axes
    x, y = axes[0].lines[0].get_data()
    np.testing.assert_allclose(x, 2.0 * np.arange(40) + 1)
    np.testing.assert_allclose(y, quality.motion[:, 0] - np.median(quality.motion[4:, 0]))
    np.testing.assert_allclose(
        axes[1].lines[2].get_ydata(),
        np.rad2deg(quality.motion[:, 5] - np.median(quality.motion[4:, 5])),
    )
    np.testing.assert_allclose(axes[2].lines[0].get_ydata(), quality.framewise_displacement)
    np.testing.assert_allclose(axes[3].lines[0].get_ydata(), quality.dvars)
    carpet = axes[5].images[0]
    np.testing.assert_allclose(carpet.get_array(), quality.carpet.T * 0.05, rtol=1e-6)
    assert carpet.get_clim() == (-2.0, 2.0)


def test_spikes_of_dvars_are_marked():
    quality = RUNS["ses-a_task-b_run-02"]
    _, marks = plot_run(quality, carpet_limit=2.0).axes[3].lines
    np.testing.assert_allclose(marks.get_xdata(), 2.0 * np.arange(20, 25) + 1)
    np.testing.assert_allclose(marks.get_ydata(), quality.dvars[20:25])
    _, marks = plot_run(RUNS["ses-a_task-b_run-01"], carpet_limit=2.0).axes[3].lines
    assert len(marks.get_xdata()) == 0


def test_lead_in_does_not_flatten_the_traces():
    quality = RUNS["ses-a_task-b_run-01"]
    change, whole = quality.dvars.copy(), quality.global_signal.copy()
    change[1:4], whole[:3] = 150, 3 * whole[:3]
    axes = plot_run(replace(quality, dvars=change, global_signal=whole), carpet_limit=2.0).axes
    assert np.nanmax(quality.dvars[4:]) < axes[3].get_ylim()[1] < 5
    assert axes[4].get_ylim()[1] < 5


def test_overview_has_a_point_a_run_and_rings_the_flagged():
    table = measures(RUNS)
    figure = plot_overview(table, SETS, {"ses-b_task-b_run-02"}, rules(table, 7.0))
    for axis, column in zip(figure.axes, ("mean_fd", "movement"), strict=False):
        points, ring = axis.collections
        np.testing.assert_allclose(points.get_offsets()[:, 1], table[column])
        np.testing.assert_allclose(ring.get_offsets(), [[5, table[column].iloc[4]]])
        day_a, day_b = points.get_facecolors()[:3], points.get_facecolors()[3:]
        assert (day_a == day_a[0]).all() and (day_b == day_b[0]).all()
        assert not np.array_equal(day_a, day_b)


def test_overview_draws_thresholds_and_borders_of_sessions():
    table = measures(RUNS)
    figure = plot_overview(table, SETS, set(), rules(table, 7.0))
    lines = [[tuple(map(tuple, line.get_data())) for line in axis.lines] for axis in figure.axes]
    border = ((3.5, 3.5), (0, 1))
    for found, threshold in zip(lines, (0.5, 7.0, 5.0, None, 10.0), strict=True):
        level = [] if threshold is None else [((0, 1), (threshold, threshold))]
        assert found == [*level, border]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["train", "shapes", "flagged"]


def test_overview_of_few_runs_says_what_they_do_not_tell():
    few = {name: RUNS[name] for name in list(RUNS)[:2]}
    table = measures(few)
    axes = plot_overview(table, SETS, set(), rules(table, 7.0)).axes
    said = [[text.get_text() for text in axis.texts] for axis in axes]
    assert said == [[], [], [], [], ["too few runs to compare"]]


def even_head(xyz):
    """A head of one brightness, the same in both contrasts: its border is its one edge."""
    return 800.0 * (np.linalg.norm(xyz / AXES, axis=-1) < 1)


def share_on_border(moved, matrix):
    """Share of the drawn edges that lie between bright and dark, for a T1w image moved so."""
    volume = scan(even_head, T1W.shape, T1W_AFFINE, moved=moved)
    reference = nib.Nifti1Image(scan(even_head, SHAPE, AFFINE), AFFINE)
    figure = plot_coregistration(reference, nib.Nifti1Image(volume, T1W_AFFINE), matrix, HEAD.xyz)
    picture = decoded(webp(figure))
    edges = np.abs(picture - ORANGE).sum(axis=2) < 150
    assert edges.mean() > 0.01
    bright = ndimage.binary_dilation((picture > 200).all(axis=2), iterations=8)
    dark = ndimage.binary_dilation((picture < 50).all(axis=2), iterations=8)
    return (bright & dark)[edges].mean()


def test_edges_follow_the_border_with_the_right_matrix_only():
    moved = rigid([4, -20, 6, 0.1, 0.0, 0.15])
    right = share_on_border(moved, np.linalg.inv(moved))
    assert right > 1.5 * share_on_border(moved, np.eye(4))
    assert right > 1.5 * share_on_border(moved, moved)


def test_regions_have_their_colours_and_covered_ones_are_not_in_the_legend():
    """In T1w space the regions lie elsewhere; the matrix brings them to the back of the head."""
    moved = rigid([5, 40, -10, 0.2, 0.1, 0.3])
    there = replace(VOXELS, xyz=apply_affine(moved, PLACES))
    figure = plot_rois(REFERENCE, there, MEMBERS, np.linalg.inv(moved))
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["L", "R"]
    picture = decoded(webp(figure))
    cut = picture[: int(0.35 * len(picture)), : int(0.92 / 6 * picture.shape[1])]  # axial
    centres = []
    for patch in legend.get_patches():
        colour = np.array(patch.get_facecolor()[:3]) * 255
        near = np.abs(cut - colour).sum(axis=2) < 90
        assert near.sum() > 200
        centres.append(np.argwhere(near).mean(axis=0) / cut.shape[:2])
    (left_row, left_column), (right_row, right_column) = centres
    assert min(left_row, right_row) > 0.6
    assert left_column < 0.5 < right_column


def test_map_of_tsnr_is_dark_where_it_is_low():
    values = np.where(HEAD.xyz[:, 0] < 0, 10.0, 100.0)
    figure = plot_tsnr(values, HEAD, REFERENCE)
    picture = decoded(webp(figure))
    row = picture[: picture.shape[0] // 4, : picture.shape[1] // 6]  # first axial cut
    left, right = np.array_split(row.sum(axis=2), 2, axis=1)
    assert right.mean() > 2 * left.mean()


def test_points_are_where_the_maps_put_them():
    """The affine of the points' grid, on which maps are drawn."""
    at = apply_affine(np.linalg.inv(HEAD.affine), HEAD.xyz)
    np.testing.assert_allclose(at, np.argwhere(HEAD.mask), atol=1e-6)

import base64
import io
import re
from html.parser import HTMLParser

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nibabel.affines import apply_affine
from PIL import Image

from deeprecon.preprocess.outliers import flags, measures, rules
from deeprecon.preprocess.quality import head_positions, run_quality
from deeprecon.preprocess.rois import VoxelTable, overlaps
from deeprecon.report.quality import build_quality_page
from deeprecon.report.quality_figures import (
    plot_coregistration,
    plot_overview,
    plot_rois,
    plot_run,
    plot_tsnr,
    webp,
)
from tests.preprocess.phantom import head, oblique_affine, scan, t1w_head

SHAPE = (22, 26, 18)
AFFINE = oblique_affine(SHAPE, (7, 7, 7), (4, -3, 2))
REFERENCE = nib.Nifti1Image(scan(head, SHAPE, AFFINE), AFFINE)
T1W_AFFINE = oblique_affine((44, 52, 40), (4, 4, 4), (0, 0, 0), flip=False)
T1W = nib.Nifti1Image(scan(t1w_head, (44, 52, 40), T1W_AFFINE), T1W_AFFINE)
HEAD = head_positions(REFERENCE, spacing=7.0)
ORANGE, BLACK = (255, 159, 28), (0, 0, 0)


def run(seed, jerk=False):
    rng = np.random.default_rng(seed)
    series = 600 + rng.normal(0, 6, (40, len(HEAD.xyz)))
    if jerk:
        series[20:24] += rng.normal(0, 60, (4, 1))
    motion = np.cumsum(rng.normal(0, 0.01, (40, 6)), axis=0) * [1, 1, 1, 0.01, 0.01, 0.01]
    return run_quality(series, motion, 2.0, 8.0, HEAD)


RUNS = {f"ses-{day}_task-b_run-0{i}": run(i, jerk=i == 2) for day in "ab" for i in (1, 2, 3)}
SETS = {name: "train" if "ses-a" in name else "shapes" for name in RUNS}
PLACES = HEAD.xyz[HEAD.xyz[:, 1] < -30]
VOXELS = VoxelTable(PLACES, np.zeros((len(PLACES), 3), int), {})
LEFT = PLACES[:, 0] < 0
MEMBERS = {"L": LEFT, "R": ~LEFT, "VC": np.ones(len(PLACES), bool)}


def build(study="tiny", simulated=True):
    return build_quality_page(
        study=study,
        subject="sub-01",
        simulated=simulated,
        runs=RUNS,
        sets=SETS,
        reference=REFERENCE,
        t1w=T1W,
        t1w_to_reference=np.eye(4),
        head=HEAD,
        voxels=VOXELS,
        members=MEMBERS,
        samples=pd.DataFrame({"subject": ["sub-01"], "set": ["train"], "n_blocks": [1234]}),
        overlaps=overlaps(MEMBERS),
    )


@pytest.fixture(scope="module")
def page():
    return build(study="<script>alert(1)</script>")


class Structure(HTMLParser):
    """Elements that are open, ids, and addresses."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.text = [], set(), [], []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids |= {given["id"]} if "id" in given else set()
        self.links += [given[key] for key in ("href", "src") if key in given]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(page):
    structure = Structure()
    structure.feed(page)
    return structure


def pictures(page):
    found = re.findall(r"data:image/webp;base64,([^\"]+)", page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))) for text in found]


def test_page_is_whole_and_needs_no_other_file(page):
    structure = parsed(page)
    assert structure.open == []
    for link in structure.links:
        if link.startswith("#"):
            assert link[1:] in structure.ids
        else:
            assert link.startswith("data:image/webp;base64,") or link == "index.html"
    assert "<script>alert" not in page
    assert "alert(1)" in page


def test_page_shows_every_run_and_every_part(page):
    shown = pictures(page)
    assert len(shown) == 4 + len(RUNS)
    assert all(picture.std() > 5 for picture in shown)
    structure = parsed(page)
    assert set(RUNS) <= structure.ids
    text = " ".join(" ".join(structure.text).split())
    assert "1234" in text
    assert "median of the map" in text
    for name, mask in MEMBERS.items():
        assert re.search(rf"<td class=\"text\">{name}</td><td>{mask.sum()}</td>", page)


def test_page_names_the_runs_that_stand_out_and_why(page):
    flagged = set(flags(RUNS, 7.0)["run"])
    assert flagged == {"ses-a_task-b_run-02", "ses-b_task-b_run-02"}
    text = " ".join(" ".join(parsed(page).text).split())
    assert "2 of 6 runs stand out" in text
    assert page.count('<span class="fault">flagged</span>') == 2
    assert re.search(r'<a href="#ses-a_task-b_run-02">.*\n.*DVARS', page)


def test_page_says_that_data_are_simulated_if_they_are(page):
    assert "No person was scanned" in page
    assert "imulated" not in build(simulated=False)


def test_the_same_input_gives_the_same_page(page):
    assert build(study="<script>alert(1)</script>") == page


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


def test_overview_has_a_point_a_run_and_rings_the_flagged():
    table = measures(RUNS)
    figure = plot_overview(table, SETS, {"ses-b_task-b_run-02"}, rules(table, 7.0))
    for axis, column in zip(figure.axes, ("mean_fd", "movement"), strict=False):
        points, ring = axis.collections
        np.testing.assert_allclose(points.get_offsets()[:, 1], table[column])
        np.testing.assert_allclose(ring.get_offsets(), [[5, table[column].iloc[4]]])


def orange(figure):
    """Where the edges of the T1w image are in a figure."""
    picture = np.asarray(Image.open(io.BytesIO(webp(figure)))).astype(int)
    return (np.abs(picture - ORANGE).sum(axis=2) < 150), picture


def test_edges_move_with_the_matrix():
    """Right: no edge far inside or outside the head. Wrong by 20 mm: they cross the brain."""
    wrong = np.eye(4)
    wrong[0, 3] = 20.0
    right_edges, _ = orange(plot_coregistration(REFERENCE, T1W, np.eye(4), HEAD.xyz))
    wrong_edges, _ = orange(plot_coregistration(REFERENCE, T1W, wrong, HEAD.xyz))
    assert right_edges.mean() > 0.01
    both = right_edges & wrong_edges
    assert both.sum() < 0.6 * right_edges.sum()


def test_regions_have_their_colours_and_covered_ones_are_not_in_the_legend():
    figure = plot_rois(REFERENCE, VOXELS, MEMBERS, np.eye(4))
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["L", "R"]
    picture = np.asarray(Image.open(io.BytesIO(webp(figure)))).astype(int)
    for patch in legend.get_patches():
        colour = np.array(patch.get_facecolor()[:3]) * 255
        near = np.abs(picture[:, : picture.shape[1] * 9 // 10] - colour).sum(axis=2) < 90
        assert near.sum() > 200


def test_map_of_tsnr_is_dark_where_it_is_low():
    values = np.where(HEAD.xyz[:, 0] < 0, 10.0, 100.0)
    figure = plot_tsnr(values, HEAD, REFERENCE)
    picture = np.asarray(Image.open(io.BytesIO(webp(figure)))).astype(int)
    row = picture[: picture.shape[0] // 4, : picture.shape[1] // 6]  # first axial cut
    left, right = np.array_split(row.sum(axis=2), 2, axis=1)
    assert right.mean() > 2 * left.mean()


def test_points_are_where_the_maps_put_them():
    """The affine of the points' grid, on which maps are drawn."""
    at = apply_affine(np.linalg.inv(HEAD.affine), HEAD.xyz)
    np.testing.assert_allclose(at, np.argwhere(HEAD.mask), atol=1e-6)

"""The study page in a real browser."""

import json
import re

import pytest

from deeprecon.judge.ratings.reading import read_ratings
from deeprecon.judge.settings import Rules
from deeprecon.judge.study import read_key
from tests.judge.browser.conftest import ROIS, write_study
from tests.judge.browser.session import Session, answered, slot_of
from tests.judge.tables import asked

SIZES = [(320, 568), (360, 640), (568, 320), (640, 360), (768, 1024), (1280, 720), (1920, 1080)]


def url_of(folder, query="?rater=1"):
    return (folder / "index.html").as_uri() + query


def list_of(key, number=1):
    table, _ = key
    return table[table["list"] == number].sort_values("order").reset_index(drop=True)


def shown(page):
    """Data URIs of the pictures on the screen."""
    return page.evaluate("[...document.querySelectorAll('#pictures img')].map(image => image.src)")


def uris(page):
    return page.evaluate("JSON.parse(document.getElementById('study').textContent).images")


def test_a_whole_session(context_of, folder, key, tmp_path):
    """From a file, with two tasks: what is shown, what is kept, what the laboratory reads."""
    context = context_of(accept_downloads=True)
    requests = []
    context.on("request", lambda request: requests.append(request.url))
    page = context.new_page()
    session = Session(page, own_clock=True)
    page.goto(url_of(folder, "?rater=2"))
    assert session.wait("consent")
    assert page.inner_text("#consent-text p >> nth=1") == "You can stop at any time."
    assert session.stored() is None  # nothing before consent
    rows = list_of(key, 2)
    pictures = uris(page)
    sides = ["left" if n % 3 else "right" for n in range(len(rows))]
    seen = []

    def side_of(n):
        seen.append(shown(page))
        return sides[n]

    session.go_through(side_of)
    assert seen == [[pictures[row.top], pictures[row.left], pictures[row.right]]
                    for row in rows.itertuples()]  # fmt: skip
    results = session.results()
    assert [trial["response"] for trial in results["trials"]] == sides
    assert [trial["trial_id"] for trial in results["trials"]] == rows["trial_id"].tolist()
    assert all(trial["rt_ms"] >= 300 for trial in results["trials"])
    assert (results["rater"], results["list"], results["language"]) == ("r002", 2, "en")
    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == "ratings_r002.json"
    path = tmp_path / "sent.json"
    download.value.save_as(path)
    assert json.loads(path.read_text()) == results
    assert "ratings_r002.json should now be in your downloads folder" in page.inner_text("#status")
    ratings = read_ratings([path], *key, Rules())
    errors = ratings.findings[ratings.findings["severity"] == "error"]
    assert errors.empty
    assert ratings.responses["response"].tolist() == sides
    outside = [url for url in requests if not url.startswith(("data:", "blob:"))]
    assert outside == [url_of(folder, "?rater=2")]
    page.reload()
    assert session.wait("finish")  # a finished list stays finished
    assert session.results() == results | {"resumed": 1}


def test_practice_tells_right_from_wrong_and_is_not_kept(context_of, folder):
    page = context_of().new_page()
    page.goto(url_of(folder))
    session = Session(page)
    session.agree()
    page.click("#practise")
    practice = page.evaluate(
        "JSON.parse(document.getElementById('study').textContent).practice.identification"
    )
    for n, (*_, truth) in enumerate(practice):
        session.ready()
        assert page.inner_text("#count") == f"Practice {n + 1} of 4"
        assert not page.is_visible("#stop")
        wrong = {"left": "right", "right": "left"}[truth]
        page.click(f"#{truth if n % 2 else wrong}")
        page.wait_for_selector("#next:visible")
        expected = "Correct." if n % 2 else f"Not quite. The picture on the {truth} is more similar"
        assert page.inner_text("#question").startswith(expected)
        assert page.locator(".choice.right").get_attribute("id") == truth
        assert page.evaluate("document.activeElement.id") == "next"
        page.keyboard.press("f")  # an answer is no more possible
        page.keyboard.press("Enter")
    session.wait("ready")
    assert session.stored()["trials"] == []
    page.reload()
    session.wait("pause-screen")
    page.click("#continue")
    assert session.wait("instructions") == "instructions"  # practice again: no trial has begun


def test_reload_in_the_middle_loses_nothing(context_of, folder, key):
    page = context_of().new_page()
    session = Session(page)
    session.resume(url_of(folder), answered(key, 3))
    session.click("right")
    before = session.stored()
    assert [trial["response"] for trial in before["trials"]][3] == "right"
    top = shown(page)[0]
    page.reload()
    session.wait("pause-screen")
    assert page.inner_text("#pause-title") == "Welcome back"
    assert page.inner_text("#pause-text").startswith("You have completed 4 of 21 comparisons")
    page.click("#continue")
    session.ready()
    assert shown(page)[0] == top  # the very trial that was on the screen
    assert session.count() == "5 of 21"
    assert session.stored() == before | {"resumed": 2}


def test_a_block_that_has_begun_is_not_practised_again(context_of, folder, key):
    rows = list_of(key)
    second = int((rows["task"] == rows["task"][0]).sum())
    page = context_of().new_page()
    session = Session(page)
    session.resume(url_of(folder), answered(key, second + 1))
    assert session.screen == "trial"
    page = context_of().new_page()
    session = Session(page)
    session.resume(url_of(folder), answered(key, second))
    assert session.screen == "instructions"
    assert page.inner_text("#part") == "Part 2 of 2"
    assert "two versions of it" in page.inner_text("#task")


def test_keyboard_alone(context_of, folder, key):
    page = context_of().new_page()
    page.goto(url_of(folder, ""))
    session = Session(page)
    session.wait("start")
    page.keyboard.press("Tab")
    page.keyboard.type("x1")
    page.keyboard.press("Enter")
    assert "enter only the number" in page.inner_text("#number-error")
    page.keyboard.press("Control+a")
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    session.wait("consent")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    session.wait("instructions")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    for _ in range(4):
        session.ready()
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("#next:visible")
        page.keyboard.press("Enter")
        page.wait_for_function("() => !document.querySelector('#trial #next:not([hidden])') ||"
                               " document.body.dataset.screen === 'ready'")  # fmt: skip
    session.wait("ready")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    for press in ("f", "J", "ArrowLeft"):
        session.answer(lambda press=press: page.keyboard.press(press))
    session.ready()
    page.keyboard.press("Control+f")  # the browser's own
    page.keyboard.press("Escape")
    session.wait("pause-screen")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    session.ready()
    for _ in range(3):  # pause, left, right: a side that has the focus
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "right"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    session.answer(lambda: page.keyboard.press("Enter"))
    sides = [trial["response"] for trial in session.stored()["trials"]]
    assert sides == ["left", "right", "left", "right"]


def test_double_clicks_held_keys_and_fast_answers_do_not_count_twice(context_of, folder, key):
    page = context_of().new_page()
    session = Session(page)
    session.resume(url_of(folder), answered(key, 1))
    session.answer(lambda: page.dblclick("#left"))
    page.wait_for_timeout(100)
    assert len(session.stored()["trials"]) == 2
    session.ready()
    page.keyboard.down("j")
    for _ in range(12):  # as a key that is held down repeats
        page.keyboard.down("j")
        page.wait_for_timeout(60)
    page.keyboard.up("j")
    assert len(session.stored()["trials"]) == 3
    page.reload()
    session.wait("pause-screen")
    page.click("#continue")
    page.wait_for_function("() => !document.getElementById('pictures').classList.contains('blank')")
    page.keyboard.press("f")  # as soon as there is something to see
    page.click("#left", no_wait_after=True)
    page.wait_for_timeout(50)
    assert len(session.stored()["trials"]) == 3
    session.click("left")
    assert session.stored()["trials"][3]["rt_ms"] >= 300


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_all_pictures_are_in_view_on_every_screen(context_of, folder, key, size):
    width, height = size
    touch = width < 1000
    context = context_of(
        viewport={"width": width, "height": height}, has_touch=touch, is_mobile=touch
    )
    page = context.new_page()
    session = Session(page)
    session.resume(url_of(folder), answered(key, 2))
    session.ready()
    boxes = [page.locator(name).bounding_box() for name in ("#top", "#left", "#right", "#stop")]
    for box in boxes:
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
        assert min(box["width"], box["height"]) >= 44
    top, left, right, _ = boxes
    assert left["y"] >= top["y"] + top["height"]
    assert right["x"] >= left["x"] + left["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if touch:
        assert not page.is_visible("#left .keys")
        session.answer(lambda: page.tap("#right"))
        assert session.stored()["trials"][2]["response"] == "right"
        assert session.stored()["trials"][1]["response"] == "left"


def test_text_wraps_on_the_smallest_phone_at_double_font_size(context_of, folder):
    page = context_of(viewport={"width": 320, "height": 568}).new_page()
    page.goto(url_of(folder))
    page.add_style_tag(content="html { font-size: 200%; }")
    session = Session(page)
    session.wait("consent")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    session.agree()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("broken", ["throws", "full"])
def test_without_storage_the_page_continues_with_a_warning(context_of, folder, broken):
    page = context_of().new_page()
    if broken == "throws":
        page.add_init_script(
            "Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } });"
        )
    else:
        page.add_init_script("Storage.prototype.setItem = () => { throw new Error('full'); };")
    session = Session(page, own_clock=True)
    page.goto(url_of(folder))
    session.agree()
    assert page.is_visible("#no-storage")
    session.practise()
    session.click("left")
    assert session.count() == "2 of 21"


GARBAGE = {
    "no JSON": lambda good: "{",
    "null": lambda good: "null",
    "a list": lambda good: "[1, 2]",
    "another study": lambda good: json.dumps(good | {"study": "x"}),
    "another list": lambda good: json.dumps(good | {"list": 2}),
    "other trials": lambda good: json.dumps(good | {"trials": good["trials"][::-1]}),
    "no side": lambda good: json.dumps(good | {"trials": [good["trials"][0] | {"response": 1}]}),
    "too many": lambda good: json.dumps(good | {"trials": good["trials"] * 20}),
    "no start": lambda good: json.dumps(good | {"started": "soon"}),
    "trials is text": lambda good: json.dumps(good | {"trials": "abc"}),
}


def test_saved_answers_of_another_list_are_not_resumed(context_of, folder, key):
    good = answered(key, 2)
    page = context_of().new_page()
    page.goto(url_of(folder))
    session = Session(page)
    for name, spoil in GARBAGE.items():
        page.evaluate("([key, text]) => localStorage.setItem(key, text)",
                      [slot_of(good), spoil(good)])  # fmt: skip
        page.reload()
        assert session.wait("consent", "pause-screen") == "consent", name
    page.evaluate("([key, text]) => localStorage.setItem(key, text)",
                  [slot_of(good), json.dumps(good)])  # fmt: skip
    page.reload()
    assert session.wait("consent", "pause-screen") == "pause-screen"


def test_a_second_window_takes_over(context_of, folder, key):
    context = context_of()
    first, second = context.new_page(), context.new_page()
    session = Session(first)
    session.resume(url_of(folder), answered(key, 2))
    session.ready()
    second.goto(url_of(folder))
    session.wait("message")
    assert "open in another window" in first.inner_text("#message-title")
    first.keyboard.press("f")
    assert len(session.stored()["trials"]) == 2


def test_a_break_is_offered_every_fifty_trials(context_of, tmp_path):
    tasks = [asked("identification", ["method_x"], ROIS, trials=60)]
    folder = write_study(tmp_path / "long", tasks=tasks, n_raters=1)
    page = context_of().new_page()
    session = Session(page)
    session.resume(url_of(folder), answered(read_key(folder / "trials.tsv"), 49))
    session.click("left")
    assert session.wait("pause-screen", "trial") == "pause-screen"
    assert page.inner_text("#pause-title") == "Time for a short break"
    assert page.inner_text("#pause-text").startswith("You have completed 50 of 60 comparisons")
    page.click("#continue")
    session.ready()
    assert session.count() == "51 of 60"
    page.click("#stop")
    session.wait("pause-screen")
    assert page.inner_text("#pause-title") == "Pause"


def test_a_lost_focus_is_counted(context_of, folder, key):
    page = context_of().new_page()
    session = Session(page)
    session.resume(url_of(folder), answered(key, 1))
    session.ready()
    page.evaluate("() => { dispatchEvent(new Event('blur')); dispatchEvent(new Event('focus')); }")
    session.click("left")
    session.click("left")
    assert [trial["focus_lost"] for trial in session.stored()["trials"]] == [0, 1, 0]


def test_a_picture_that_cannot_be_shown_is_reported(context_of, folder, key, tmp_path):
    row = list_of(key).iloc[2]
    text = (folder / "index.html").read_text()
    spoilt = re.sub(rf'("{row.top}":"data:image/png;base64,)[^"]*', r"\1AAAA", text)
    assert spoilt != text
    (tmp_path / "index.html").write_text(spoilt)
    page = context_of().new_page()
    session = Session(page)
    session.resume(url_of(tmp_path), answered(key, 2))
    session.wait("message")
    assert page.inner_text("#message-title") == "A picture could not be shown"


def test_prolific_ids_are_saved_and_raters_return_to_prolific(context_of, tmp_path):
    address = "https://app.prolific.com/submissions/complete?cc=ABC"
    tasks = [asked("identification", ["method_x"], ROIS, trials=10)]
    folder = write_study(tmp_path / "prolific", completion_url=address, tasks=tasks)
    page = context_of().new_page()
    page.goto(url_of(folder, "?PROLIFIC_PID=5f00aa&STUDY_ID=s1&SESSION_ID=x9"))
    session = Session(page)
    session.agree()
    kept = session.stored()
    assert kept["rater"] == "5f00aa"
    assert kept["external"] == {
        "PROLIFIC_PID": "5f00aa", "STUDY_ID": "s1", "SESSION_ID": "x9", "JATOS_WORKER": None,
    }  # fmt: skip
    number = kept["list"]
    rated = answered(read_key(folder / "trials.tsv"), 10, number, "5f00aa") | {"finished": "x"}
    page.evaluate("([key, text]) => localStorage.setItem(key, text)",
                  [slot_of(rated), json.dumps(rated)])  # fmt: skip
    page.reload()
    session.wait("finish")
    assert not page.is_visible("#completion")
    page.click("#copy")
    page.wait_for_selector("#completion:visible")
    link = page.locator("#completion-link")
    assert link.get_attribute("href") == address
    assert "noreferrer" in link.get_attribute("rel")


HOSTILE = [
    "?rater=%3Cscript%3Ealert(1)%3C/script%3E",
    "?rater=0",
    "?rater=-1",
    "?rater=1e3",
    "?rater=" + "9" * 5000,
]


@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
def test_an_invalid_rater_number_is_asked_for_again(context_of, folder, query):
    page = context_of().new_page()
    page.on("dialog", lambda dialog: pytest.fail("a script ran"))
    page.goto(url_of(folder, query))
    assert Session(page).wait("start", "consent") == "start"


def test_hostile_ids_are_sanitised(context_of, folder):
    page = context_of().new_page()
    page.on("dialog", lambda dialog: pytest.fail("a script ran"))
    page.goto(url_of(folder, "?PROLIFIC_PID=%3Cimg src=x onerror=alert(1)%3E/../" + "a" * 9000))
    session = Session(page)
    session.agree()
    kept = session.stored()
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", kept["rater"])
    assert len(kept["external"]["PROLIFIC_PID"]) == 200


def test_japanese(context_of, tmp_path):
    folder = write_study(tmp_path / "ja", language="ja", n_raters=1)
    page = context_of().new_page()
    page.goto(url_of(folder))
    session = Session(page)
    session.agree()
    assert page.evaluate("document.documentElement.lang") == "ja"
    assert page.inner_text("#instructions h1") == "課題の説明"
    page.click("#practise")
    session.ready()
    assert page.inner_text("#question") == "上の画像により似ているのはどちらですか？"
    assert page.locator("#left").get_attribute("aria-label") == "左の画像"
    english = re.compile(r"[A-Za-z]{3,}")
    words = page.evaluate("document.querySelector('main').innerText")
    assert not english.findall(words.replace("Which is more alike?", "").replace("Esc", ""))


def test_answers_can_be_copied_without_clipboard_permission(context_of, folder, key):
    context = context_of()
    page = context.new_page()
    page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard', { value: undefined });"
        "document.execCommand = () => false;"
    )
    rated = answered(key, 21) | {"finished": "2026-11-25T10:10:00.000Z"}
    page.goto(url_of(folder))
    page.evaluate("([key, text]) => localStorage.setItem(key, text)",
                  [slot_of(rated), json.dumps(rated)])  # fmt: skip
    page.reload()
    Session(page).wait("finish")
    page.click("#copy")
    page.wait_for_function("() => document.getElementById('status').textContent !== ''")
    assert "please copy it yourself" in page.inner_text("#status")
    selected = page.evaluate("document.activeElement.value.slice(...["
                             "document.activeElement.selectionStart,"
                             "document.activeElement.selectionEnd])")  # fmt: skip
    assert json.loads(selected)["rater"] == "r001"


def test_accessible_names_do_not_reveal_the_answer(context_of, folder, key):
    """To a screen reader the two sides differ by their side alone, in every trial."""
    page = context_of().new_page()
    session = Session(page)
    session.resume(url_of(folder), answered(key, 2))
    names = set()
    for _ in range(2):
        session.ready()
        tree = page.locator("main").aria_snapshot()
        names.add(re.sub(r"\d+ of 21", "", tree))
        session.click("left")
    assert len(names) == 1
    tree = names.pop()
    for name in ('button "Left picture"', 'button "Right picture"', 'img "Picture at the top"',
                 'button "Pause"', 'progressbar "Progress"'):  # fmt: skip
        assert name in tree, tree


def luminance(colour):
    """Relative luminance of "rgb(r, g, b)" (WCAG 2)."""
    values = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(context_of, folder, key, scheme):
    page = context_of(color_scheme=scheme, reduced_motion="reduce").new_page()
    session = Session(page)
    session.resume(url_of(folder), answered(key, 2))
    session.ready()
    contrasts = {}
    for screen in ("start", "consent", "instructions", "trial", "pause-screen", "finish"):
        page.evaluate(
            "name => { document.body.dataset.screen = name;"
            " for (const s of document.querySelectorAll('main > section'))"
            " s.hidden = s.id !== name; }",
            screen,
        )
        pairs = page.evaluate(
            """() => [...document.querySelectorAll('main > section:not([hidden]) *')]
            .filter(e => e.checkVisibility() &&
                [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
            .map(e => {
                let behind = e;
                const none = 'rgba(0, 0, 0, 0)';
                while (behind && getComputedStyle(behind).backgroundColor === none)
                    behind = behind.parentElement;
                return [e.tagName + '#' + e.id, getComputedStyle(e).color,
                    getComputedStyle(behind ?? document.body).backgroundColor];
            })"""
        )
        assert pairs, screen
        for name, front, back in pairs:
            light, dark = sorted((luminance(front), luminance(back)), reverse=True)
            contrasts[screen, name] = (light + 0.05) / (dark + 0.05)
    worst = min(contrasts, key=contrasts.get)
    assert contrasts[worst] >= 4.5, (worst, contrasts[worst])


JATOS = """
window.jatos = {
  urlQueryParameters: {}, studyResultId: "77", workerId: 5, sent: [], ended: null,
  onLoad(callback) { setTimeout(callback, 20); },
  async submitResultData(text) { if (FAILS) throw new Error("down"); this.sent.push(text); },
  endStudy() { this.ended = "end"; }, endStudyAndRedirect(url) { this.ended = url; },
};
"""


def in_jatos(folder, place, fails=False):
    """The page as JATOS serves it, with a stand-in of its script."""
    inside = place / "publix" / "123"
    inside.mkdir(parents=True)
    (inside / "start.html").write_bytes((folder / "index.html").read_bytes())
    (inside / "jatos.js").write_text(JATOS.replace("FAILS", "true" if fails else "false"))
    return "publix/123/start.html"


def test_within_jatos_answers_are_handed_to_its_server(context_of, folder, key, tmp_path, serve):
    address = f"{serve(tmp_path)}/{in_jatos(folder, tmp_path)}"
    page = context_of().new_page()
    page.goto(address)
    session = Session(page)
    session.agree()
    kept = session.stored()
    assert kept["rater"] == "jatos-77"
    assert kept["external"]["JATOS_WORKER"] == "5"
    last = len(list_of(key, kept["list"])) - 1
    rated = answered(key, last, kept["list"], "jatos-77")
    page.evaluate("([key, text]) => localStorage.setItem(key, text)",
                  [slot_of(rated), json.dumps(rated)])  # fmt: skip
    page.reload()
    session.wait("pause-screen")
    page.click("#continue")
    session.click("left")
    session.wait("finish")
    page.wait_for_function("() => window.jatos.ended !== null")
    sent = [json.loads(text) for text in page.evaluate("window.jatos.sent")]
    assert len(sent[-1]["trials"]) == last + 1
    assert sent[-1]["finished"]
    assert page.evaluate("window.jatos.ended") == "end"
    assert not page.is_visible("#download")


def test_results_that_jatos_rejects_can_be_downloaded(context_of, folder, key, tmp_path, serve):
    address = f"{serve(tmp_path)}/{in_jatos(folder, tmp_path, fails=True)}"
    page = context_of().new_page()
    page.goto(f"{address}?rater=1")
    rated = answered(key, 21) | {"finished": "2026-11-25T10:10:00.000Z"}
    page.evaluate("([key, text]) => localStorage.setItem(key, text)",
                  [slot_of(rated), json.dumps(rated)])  # fmt: skip
    page.reload()
    page.wait_for_selector("#download:visible")
    assert "could not be submitted" in page.inner_text("#finish-text")


TRIES = """async () => {
  const tries = {
    fetch: () => fetch("ADDRESS/x"),
    socket: () => new Promise((ok, no) => {
      const socket = new WebSocket("ADDRESS/x".replace("http", "ws"));
      socket.onopen = ok; socket.onerror = no; }),
    image: () => new Promise((ok, no) => {
      const image = new Image(); image.onload = ok; image.onerror = no;
      image.src = "ADDRESS/picture.png"; }),
    script: () => new Promise((ok, no) => {
      const script = document.createElement("script"); script.onload = ok; script.onerror = no;
      script.src = "ADDRESS/script.js"; document.head.append(script); }),
  };
  const passed = [];
  for (const [name, go] of Object.entries(tries))
    try { await go(); passed.push(name); } catch { /* as it should be */ }
  return passed;
}"""


@pytest.mark.parametrize("place", ["file", "http", "jatos"])
def test_the_security_policy_blocks_all_requests(context_of, folder, tmp_path, serve, place):
    """Not to its own server, and within JATOS not to others."""
    (tmp_path / "x").write_text("x")
    (tmp_path / "script.js").write_text("")
    (tmp_path / "picture.png").write_bytes(next(folder.parent.glob("*.png")).read_bytes())
    own, other = serve(tmp_path), serve(tmp_path)
    if place == "http":
        (tmp_path / "index.html").write_bytes((folder / "index.html").read_bytes())
        address = f"{own}/index.html"
    elif place == "jatos":
        address = f"{own}/{in_jatos(folder, tmp_path)}"
    else:
        address = url_of(folder, "")
    page = context_of().new_page()
    page.goto(address)
    Session(page).wait("start", "consent")
    assert page.evaluate(TRIES.replace("ADDRESS", other)) == []
    inside = page.evaluate(TRIES.replace("ADDRESS", own))
    assert inside == (["fetch", "script"] if place == "jatos" else [])
    # Chromium tells what was stopped, and that this server has no sockets.
    stopped = re.compile("Content Security Policy|WebSocket")
    context_of.errors[:] = [error for error in context_of.errors if not stopped.search(error)]

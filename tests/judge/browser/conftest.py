"""A small study, and Chromium to open it in.

Debian's Chromium (or the one that CHROMIUM names) is driven by Playwright. Without one these tests
are skipped, but fail where DEEPRECON_BROWSER is "required", as in continuous integration.
"""

import os
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

from deeprecon.judge.study import build_study, read_key
from deeprecon.judge.texts import read_texts
from deeprecon.judge.trials import build_trials
from tests.judge.tables import asked, table, write_training

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
ROIS = ["roi_vc"]
TASKS = [
    asked("identification", ["method_x"], ROIS, trials=11),
    asked("preference", ["method_x", "method_y"], ROIS, trials=10),
]
CONSENT = "The study is a test.\n\nYou can stop at any time."


@pytest.fixture(scope="session")
def chromium():
    """The browser."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not path:
        if os.environ.get("DEEPRECON_BROWSER") == "required":
            pytest.fail("no Chromium: install Debian's chromium, or name one in CHROMIUM")
        pytest.skip("no Chromium: install Debian's chromium, or name one in CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def write_study(folder, language="en", completion_url=None, tasks=TASKS, n_raters=3):
    """Page, key and study file in a new folder; pictures of 48 pixels."""
    folder.mkdir(parents=True)
    images = table({"n": 6}, methods=("method_x", "method_y"), folder=folder)
    rng = np.random.default_rng(0)
    for file in dict.fromkeys(images[["true_file", "recon_file"]].to_numpy().ravel()):
        colours = rng.integers(0, 256, (3, 3, 3), dtype=np.uint8)
        Image.fromarray(colours).resize((48, 48), Image.Resampling.BICUBIC).save(file)
    trials = build_trials(images, tasks, n_raters=n_raters, seed=1)
    build_study(
        trials, images, write_training(folder), folder / "judge", title="Which is more alike?",
        consent=CONSENT, texts=read_texts(language), seed=1, completion_url=completion_url,
    )  # fmt: skip
    return folder / "judge"


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A study of two tasks and three lists."""
    return write_study(tmp_path_factory.mktemp("browser") / "study")


@pytest.fixture(scope="session")
def key(folder):
    """Its key."""
    return read_key(folder / "trials.tsv")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Nothing on the screen."""


@pytest.fixture
def serve():
    """Serve a folder over HTTP; the address is returned."""
    servers = []

    def start(folder: Path) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def context_of(chromium):
    """New contexts, closed afterwards. No page may throw, log an error or wait for long."""
    contexts, errors = [], []

    def make(**options):
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 720}} | options)
        context.set_default_timeout(8000)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        context.on(
            "console", lambda message: message.type == "error" and errors.append(message.text)
        )
        contexts.append(context)
        return context

    make.errors = errors
    yield make
    for context in contexts:
        context.close()
    assert not errors, errors

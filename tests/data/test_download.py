"""Downloads, from a server on this machine that can misbehave."""

import hashlib
import http.server
import logging
import re
import threading
from dataclasses import replace

import numpy as np
import pytest

from deeprecon.data.download import Download, digests, downloads, fetch
from deeprecon.errors import InputError

CONTENT = np.random.default_rng(0).bytes(3_000_000)
MD5 = hashlib.md5(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT; `script` holds what it does to the next requests, `seen` what was asked."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script, self.seen, self.ranges = [], [], True
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        server, asked = self.server, self.headers.get("Range")
        server.seen.append((self.path, asked))
        act = server.script.pop(0) if server.script else "send"
        if act == "send" or act == "cut":
            self.send(asked, cut=act == "cut")
        elif act == "redirect":
            self.send_response(302)
            self.send_header("Location", f"{server.url}/elsewhere")
            self.end_headers()
        else:
            self.send_response(act)
            if act == 503:
                self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def send(self, asked, cut):
        first = int(re.match(r"bytes=(\d+)-", asked)[1]) if asked and self.server.ranges else 0
        if first >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(CONTENT) - first))
        self.end_headers()
        part = CONTENT[first:]
        self.wfile.write(part[: len(part) // 2] if cut else part)


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield running
        running.shutdown()


def item(server, **changes):
    one = Download("x", "x.bin", f"{server.url}/x", len(CONTENT), MD5, None, "CC0", "here", "test")
    return replace(one, **changes)


def get(one, path, **options):
    fetch(one, path, **{"wait": 0.01, "timeout": 5.0, "retries": 2} | options)


def test_a_file_comes_whole(server, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    get(item(server), tmp_path / "folder" / "x.bin")
    assert (tmp_path / "folder" / "x.bin").read_bytes() == CONTENT
    assert digests(tmp_path / "folder" / "x.bin") == (MD5, SHA256)
    assert "licence: CC0" in caplog.text
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["x.bin"]


def test_a_file_that_is_there_is_not_asked_for(server, tmp_path):
    (tmp_path / "x.bin").write_bytes(CONTENT)
    get(item(server), tmp_path / "x.bin")
    assert server.seen == []
    (tmp_path / "x.bin").write_bytes(CONTENT[:-1] + b"?")  # another one is fetched anew
    get(item(server), tmp_path / "x.bin")
    assert (tmp_path / "x.bin").read_bytes() == CONTENT


def test_it_goes_on_where_it_was_cut_off(server, tmp_path):
    (tmp_path / "x.bin.part").write_bytes(CONTENT[:1000])
    get(item(server), tmp_path / "x.bin")
    assert server.seen == [("/x", "bytes=1000-")]
    assert (tmp_path / "x.bin").read_bytes() == CONTENT


def test_a_server_that_cannot_go_on_sends_all(server, tmp_path):
    server.ranges = False
    (tmp_path / "x.bin.part").write_bytes(CONTENT[:1000])
    get(item(server), tmp_path / "x.bin")
    assert (tmp_path / "x.bin").read_bytes() == CONTENT


def test_a_part_that_is_the_whole_is_taken(server, tmp_path):
    (tmp_path / "x.bin.part").write_bytes(CONTENT)
    get(item(server), tmp_path / "x.bin")
    assert (tmp_path / "x.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("script", [["cut"], ["cut", "cut"], [503, 500], [429]])
def test_what_may_pass_is_tried_again(server, tmp_path, script):
    server.script = list(script)
    get(item(server), tmp_path / "x.bin")
    assert (tmp_path / "x.bin").read_bytes() == CONTENT
    assert len(server.seen) == len(script) + 1
    if script[0] == "cut":
        assert server.seen[1][1] == f"bytes={len(CONTENT) // 2}-"


def test_redirects_are_followed(server, tmp_path):
    server.script = ["redirect"]
    get(item(server), tmp_path / "x.bin")
    assert [path for path, _ in server.seen] == ["/x", "/elsewhere"]


@pytest.mark.parametrize(
    ("script", "changes", "message", "n_asked"),
    [
        ([404], {}, "/x: 404 Not Found", 1),
        ([403], {}, "/x: 403 Forbidden", 1),
        ([503] * 3, {}, "/x: 503 Service Unavailable, 3 times", 3),
        ([], {"md5": "0" * 32}, f"/x: MD5 {MD5}, expected 0000", 1),
        ([], {"md5": None, "sha256": "0123456789"}, f"/x: SHA-256 {SHA256}, expected 0123", 1),
        ([], {"bytes": 17}, "/x: 3000000 bytes, expected 17", 1),
        ([], {"bytes": None, "md5": None}, "x: neither a hash nor a size is known", 0),
    ],
)
def test_failures_are_one_line_and_leave_nothing(
    server, tmp_path, script, changes, message, n_asked
):
    server.script = script
    with pytest.raises(InputError, match=message) as caught:
        get(item(server, **changes), tmp_path / "x.bin")
    assert len(str(caught.value).splitlines()) == 1
    assert len(server.seen) == n_asked
    assert not list(tmp_path.iterdir())


def test_the_first_digits_of_a_hash_are_enough(server, tmp_path):
    get(item(server, md5=None, sha256=SHA256[:8]), tmp_path / "x.bin")
    assert (tmp_path / "x.bin").exists()


def test_nobody_there(tmp_path):
    nowhere = Download("x", "x", "http://127.0.0.1:9/x", None, MD5, None, "", "", "")
    with pytest.raises(InputError, match=r"127.0.0.1:9/x: .*refused.*, 3 times"):
        get(nowhere, tmp_path / "x.bin")


def test_the_table_is_well_formed():
    for name, row in downloads().items():
        assert row.name == name
        assert row.url.startswith("https://")
        assert re.fullmatch(r"[\w.-]+", row.file)
        assert row.licence and row.source and row.purpose
        assert row.md5 is None or re.fullmatch(r"[0-9a-f]{32}", row.md5)
        assert row.sha256 is None or re.fullmatch(r"[0-9a-f]{8,64}", row.sha256)
        # Texts of some kilobytes at a fixed commit have no published hash, but a size.
        assert row.md5 or row.sha256 or (row.bytes and row.bytes < 20_000)
    assert len({row.file for row in downloads().values()}) == len(downloads())


def test_torchvisions_rows_are_its_own():
    models = pytest.importorskip("torchvision.models")
    for name, weights in (
        ("torchvision_vgg19", models.VGG19_Weights.IMAGENET1K_V1),
        ("torchvision_alexnet", models.AlexNet_Weights.IMAGENET1K_V1),
    ):
        row = downloads()[name]
        assert row.url == weights.url
        assert f"-{row.sha256}.pth" in weights.url

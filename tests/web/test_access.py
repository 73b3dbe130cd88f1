"""Nobody gets anything but the pages and the datasets that were named, and not from anywhere else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shared import GOLDEN
from tests.web.serving import Server, serving

SET = "v30_lerobot061_two_cams"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("access")
    shutil.copytree(GOLDEN / SET, root / SET)
    with serving(root / SET) as started:
        yield started


@pytest.fixture(scope="module")
def beyond() -> Iterator[Server]:
    with serving(GOLDEN / SET, options=("--host", "0.0.0.0")) as started:
        yield started


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1:1", "", "192.168.1.7:{port}"])
def test_a_foreign_host_is_refused(server: Server, host: str) -> None:
    status, _, body = server.ask("/api/datasets", headers={"Host": host.format(port=server.port)})
    assert status in (400, 403)
    assert SET.encode() not in body


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}"])
def test_this_machines_own_names_are_answered(server: Server, host: str) -> None:
    assert server.ask("/api/datasets", headers={"Host": host.format(port=server.port)})[0] == 200


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}], ids=str
)
def test_a_foreign_page_is_refused(server: Server, headers: dict[str, str]) -> None:
    mark = f"/api/{server.key(SET)}/episodes/0/mark"

    assert server.ask("/api/datasets", headers=headers)[0] == 403
    assert server.ask(mark, method="POST", body={"flagged": True}, headers=headers)[0] == 403
    assert server.document(f"/api/{server.key(SET)}")["marks"] == {}


def test_a_form_of_another_page_marks_nothing(server: Server) -> None:
    mark = f"/api/{server.key(SET)}/episodes/0/mark"
    assert server.ask(mark, method="POST", body={"flagged": True}, headers={"Content-Type": "text/plain"})[0] == 400


@pytest.mark.parametrize(
    "path",
    [
        "/static/../access.py",
        "/static/%2e%2e/access.py",
        "/static/..%2faccess.py",
        "/static//etc/passwd",
        "/video/{key}/episodes/0/99.mp4",
        "/video/{key}/episodes/99/0.mp4",
        "/video/0000000000/episodes/0/0.mp4",
        "/frame/{key}/episodes/0/0/99999.jpg",
        "/frame/{key}/pending/..%2f..%2fmeta/0/0.jpg",
        "/frame/{key}/pending/../0/0.jpg",
        "/api/{key}/pending/..",
        "/api/..%2f..",
    ],
)
def test_nothing_outside_is_read(server: Server, path: str) -> None:
    status, _, body = server.ask(path.format(key=server.key(SET)))
    assert status in (403, 404, 422)
    assert b"root:" not in body
    assert b"def " not in body
    assert b"Traceback" not in body


def test_a_video_that_is_a_link_out_of_the_dataset_is_not_sent(tmp_path: Path) -> None:
    root = tmp_path / SET
    shutil.copytree(GOLDEN / SET, root)
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    video = next((root / "videos").rglob("*.mp4"))
    video.unlink()
    video.symlink_to(tmp_path / "secret.mp4")
    with serving(root) as server:
        for episode in range(4):
            for camera in range(2):
                _, _, body = server.ask(f"/video/{server.key(SET)}/episodes/{episode}/{camera}.mp4")
                assert body != b"secret"


def test_videos_are_sent_by_range(server: Server) -> None:
    path = f"/video/{server.key(SET)}/episodes/1/0.mp4"
    _, _, whole = server.ask(path)
    status, headers, part = server.ask(path, headers={"Range": "bytes=100-199"})

    assert (status, part) == (206, whole[100:200])
    assert headers["content-range"] == f"bytes 100-199/{len(whole)}"


def test_every_answer_binds_the_page(server: Server) -> None:
    for path in ("/", "/api/datasets", "/static/main.js", "/nothing", f"/d/{server.key(SET)}"):
        _, headers, _ = server.ask(path)
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_beyond_this_machine_nothing_is_answered_without_the_token(beyond: Server) -> None:
    host = {"Host": f"127.0.0.1:{beyond.port}"}
    for path in ("/", "/api/datasets", "/static/main.js", "/?token=", "/?token=wrong"):
        status, _, body = beyond.ask(path, headers=host)
        assert (status, json.loads(body)["hint"]) == (401, "open the whole address that lerotool printed")


def test_without_the_token_nothing_is_edited(beyond: Server) -> None:
    own = {"Host": f"127.0.0.1:{beyond.port}", "Origin": f"http://127.0.0.1:{beyond.port}"}
    for path in ("/api/x/edits", "/api/x/edits/plan", "/api/x/undo"):
        assert beyond.ask(path, method="POST", body={}, headers=own)[0] == 401


def test_the_token_of_the_address_opens_everything_and_leaves_the_address(beyond: Server) -> None:
    host = {"Host": f"127.0.0.1:{beyond.port}"}
    token = beyond.address.partition("?")[2]
    status, headers, _ = beyond.ask(f"/d/x?t=1.5&{token}", headers=host)

    assert (status, headers["location"]) == (303, "/d/x?t=1.5")
    assert beyond.ask(f"///evil.example/?{token}", headers=host)[1]["location"] == "/evil.example/"
    cookie = headers["set-cookie"]
    assert "httponly" in cookie.lower()
    assert "samesite=strict" in cookie.lower()
    assert beyond.ask("/api/datasets", headers={**host, "Cookie": cookie.partition(";")[0]})[0] == 200
    assert beyond.ask("/api/datasets", headers={"Host": "evil.example", "Cookie": cookie.partition(";")[0]})[0] == 403


@pytest.mark.parametrize(
    "body",
    [[], "success", {"outcome": "maybe"}, {"flagged": 1}, {"note": "x" * 2001}, {"trim": [5, 2]}, {"trim": [0, 9999]}],
    ids=str,
)
def test_what_is_no_mark_is_refused(server: Server, body: object) -> None:
    status, _, answer = server.ask(f"/api/{server.key(SET)}/episodes/1/mark", method="POST", body=body)
    assert status == 400, answer
    assert server.document(f"/api/{server.key(SET)}")["marks"] == {}


def test_a_mark_of_an_episode_that_does_not_exist_is_refused(server: Server) -> None:
    status, _, answer = server.ask(f"/api/{server.key(SET)}/episodes/9/mark", method="POST", body={"flagged": True})
    assert (status, "no episode 9" in answer.decode()) == (400, True)


def test_a_huge_mark_is_refused(server: Server) -> None:
    body = {"note": "x" * 100_000}
    assert server.ask(f"/api/{server.key(SET)}/episodes/1/mark", method="POST", body=body)[0] == 400

"""Texts out of datasets are texts on every page, whatever they contain."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page, expect

from lerotool.dataset.marks import save_mark
from tests.dataset.reading import edit_json
from tests.shared import GOLDEN
from tests.web.serving import PATIENCE_MS, serving

SET = "v30_lerobot061_two_cams"
EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>{}"
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    root = Path(shutil.copytree(GOLDEN / SET, tmp_path / "<b>set&amp;"))

    def spoil(document: dict) -> None:
        document["robot_type"] = EVIL
        for name in ("action", "observation.state"):
            document["features"][name]["names"] = [f"{EVIL}{place}" for place in range(6)]

    edit_json(root / "meta/info.json", spoil)
    for path in [*root.glob("meta/episodes/*/*.parquet")]:
        table = pq.read_table(path)
        tasks = pa.array([[EVIL]] * table.num_rows, table.schema.field("tasks").type)
        pq.write_table(table.set_column(table.column_names.index("tasks"), "tasks", tasks), path)
    save_mark(root, 0, {"note": EVIL})
    return root


@pytest.mark.slow
def test_texts_of_a_dataset_are_shown_as_texts(hostile: Path, page: Page) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    with serving(hostile) as server:
        key = server.key(hostile.name)
        page.goto(server.address)
        expect(page.locator(".dataset h2")).to_have_text("<b>set&amp;")
        page.goto(f"{server.address}/d/{key}")
        expect(page.locator(".card .task").first).to_have_text(EVIL)
        page.goto(f"{server.address}/d/{key}/episodes/0")
        page.locator("section[data-drawn]").wait_for()
        expect(page.get_by_role("textbox", name="Note")).to_have_value(EVIL)
        expect(page.locator(".chart h3").first).to_have_text(f"{EVIL}0")

        assert "owned" not in page.title()
        assert page.locator("img[src='x'], #page script").count() == 0
        assert complaints == []


def test_a_damaged_dataset_is_told_and_the_others_are_shown(tmp_path: Path, page: Page) -> None:
    bad = Path(shutil.copytree(GOLDEN / SET, tmp_path / "bad"))
    (bad / "meta/info.json").write_text("{")
    with serving(bad, GOLDEN / SET) as server:
        page.goto(server.address)
        expect(page.locator(".dataset", has_text="bad")).to_contain_text("expected JSON")
        expect(page.locator(".dataset", has_text=SET)).to_contain_text("4 episodes")
        status, _, body = server.ask(f"/api/{server.key('bad')}")

    assert status == 422
    assert "expected JSON" in json.loads(body)["error"]


@pytest.mark.slow
def test_videos_and_rows_that_cannot_be_read_are_told(tmp_path: Path, page: Page) -> None:
    bad = Path(shutil.copytree(GOLDEN / SET, tmp_path / "bad"))
    for path in [*bad.glob("data/*/*.parquet"), *bad.glob("videos/*front/*/*.mp4")]:
        path.write_bytes(b"junk" * 1000)
    with serving(bad) as server:
        key = server.key("bad")
        for path in ("rows", "../../../x"):
            assert server.ask(f"/api/{key}/episodes/0/{path}")[0] in (404, 422)
        assert server.ask(f"/frame/{key}/episodes/0/0/0.jpg")[0] == 422
        page.goto(f"{server.address}/d/{key}/episodes/0")
        expect(page.get_by_role("status")).not_to_be_empty()
        assert server.ask("/api/datasets")[0] == 200

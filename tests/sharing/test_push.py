"""``lerotool push``: the Hub has the dataset, all of it and nothing else, under the tag that LeRobot looks for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from harness.hub import FakeHub, Fault, Trouble
from lerotool.cli.app import run
from lerotool.dataset.dataset import Dataset
from lerotool.sharing.card import _escaped, facts
from tests.dataset.reading import OLD_SET, tree_hash
from tests.encoding.recordings import record
from tests.sharing.sets import contents, keep_episodes, put_set, without_card

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
CUBE = "me/pick-cube"


def pushed(hub: FakeHub, revision: str = "v3.0") -> dict[str, bytes]:
    return without_card(hub.store.files(CUBE, revision))


def test_the_hub_has_the_dataset_in_one_commit_under_its_tag(hub: FakeHub, home: Path) -> None:
    root = put_set(home)

    assert run(["push", CUBE]) == 0

    repository = hub.store.repositories[CUBE]
    assert pushed(hub) == contents(root)
    assert repository.history() == ["4 episodes, pushed with lerotool", "initial commit"]
    assert repository.tags == {"v3.0": repository.branches["main"]}
    assert repository.is_private


def test_a_dry_run_says_what_would_happen_and_changes_nothing(
    hub: FakeHub, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = put_set(home)
    before = tree_hash(root)

    assert run(["push", CUBE, "--dry-run", "--json"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert {each["path"] for each in document["added"]} == {*contents(root), "README.md"}
    assert (document["is_new"], document["tags"], document["license"]) == (True, ["v3.0"], None)
    assert {seen.method for seen in hub.requests} == {"GET"}
    assert tree_hash(root) == before


def test_the_second_push_sends_only_what_has_changed(hub: FakeHub, home: Path) -> None:
    root = put_set(home)
    run(["push", CUBE])
    hub.forget_requests()

    assert run(["push", CUBE]) == 0
    assert not [seen for seen in hub.requests if seen.method != "GET" and seen.method != "HEAD"]

    (root / "meta" / "notes.txt").write_text("by hand")
    hub.forget_requests()
    assert run(["push", CUBE]) == 0

    assert hub.sent() == 0, "no large file has changed"
    assert pushed(hub) == contents(root)


def test_what_is_gone_here_is_deleted_there_in_the_same_commit(
    hub: FakeHub, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = put_set(home, golden="v30_lerobot061_small_files")
    run(["push", CUBE])
    before = pushed(hub)
    keep_episodes(root, "0,1", tmp_path / "kept")

    assert run(["push", CUBE, "--json"]) == 0

    document = json.loads(capsys.readouterr().out.split("\n{\n", 1)[1].join(["{\n", ""]))
    assert {each["path"] for each in document["deleted"]} == before.keys() - contents(root).keys()
    assert document["deleted"]
    assert pushed(hub) == contents(root)
    assert document["commits"] == 1


def test_files_of_somebody_else_in_the_repository_stay(hub: FakeHub, home: Path) -> None:
    put_set(home)
    hub.store.create(CUBE, is_private=True)
    hub.store.write(CUBE, {"LICENSE": b"mine", "assets/arm.jpg": b"picture", "data/old.parquet": b"leftover"})

    assert run(["push", CUBE]) == 0

    files = hub.store.files(CUBE)
    assert (files["LICENSE"], files["assets/arm.jpg"]) == (b"mine", b"picture")
    assert "data/old.parquet" not in files


def test_nothing_that_is_not_the_dataset_leaves_this_machine(
    hub: FakeHub, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = put_set(home)
    expected = contents(root)
    record(root, 4, range(3))
    for name in (".lerotool/history/1/info.json", "images/front/0.png", ".cache/x", "meta/.DS_Store", ".git/HEAD"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("secret")

    assert run(["push", CUBE]) == 0

    assert pushed(hub) == expected
    assert f"lerotool encode --pending {root}" in capsys.readouterr().err


def test_errors_stop_a_push_unless_it_is_forced(hub: FakeHub, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = put_set(home)
    next((root / "videos").rglob("*.mp4")).unlink()

    assert run(["push", CUBE]) == 3
    said = capsys.readouterr().err
    assert "video-missing" in said
    assert f"lerotool check {root}" in said
    assert hub.store.repositories == {}

    assert run(["push", CUBE, "--force"]) == 0
    assert "1 error (video-missing)" in hub.store.files(CUBE)["README.md"].decode()


def test_a_dataset_of_v21_gets_its_own_tag(hub: FakeHub, home: Path) -> None:
    root = put_set(home, golden=OLD_SET)

    assert run(["push", CUBE]) == 0

    assert list(hub.store.repositories[CUBE].tags) == ["v2.1"]
    assert pushed(hub, "v2.1") == contents(root)


def test_further_tags_and_branches_are_made_when_they_are_asked_for(hub: FakeHub, home: Path) -> None:
    root = put_set(home)
    assert run(["push", CUBE, "--tag", "paper"]) == 0
    repository = hub.store.repositories[CUBE]
    assert repository.tags["paper"] == repository.tags["v3.0"] == repository.branches["main"]

    (root / "meta" / "notes.txt").write_text("a trial")
    assert run(["push", CUBE, "--branch", "trial"]) == 0

    assert repository.tags["v3.0"] == repository.branches["main"] != repository.branches["trial"]
    assert pushed(hub, "trial") == contents(root)
    assert run(["push", CUBE, "--branch", "trial", "--tag", "paper"]) == 2


def test_who_sees_a_dataset_is_never_changed_unasked(
    hub: FakeHub, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_set(home)
    assert run(["push", CUBE, "--public"]) == 0
    assert not hub.store.repositories[CUBE].is_private

    assert run(["push", CUBE, "--private"]) == 2
    assert "public" in capsys.readouterr().err
    assert run(["push", CUBE]) == 0


def test_a_recording_without_a_name_on_the_hub_asks_for_one(
    hub: FakeHub, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = put_set(home, "local/so101")

    assert run(["push", "local/so101"]) == 2
    assert f"lerotool push {root} --repo-id USER/NAME" in capsys.readouterr().err

    assert run(["push", "local/so101", "--repo-id", CUBE]) == 0
    hub.forget_requests()
    assert run(["push", "local/so101"]) == 0, "where it was pushed last"
    assert any(CUBE in seen.path for seen in hub.requests)


def test_newer_commits_on_the_hub_stop_a_push(hub: FakeHub, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = put_set(home)
    run(["push", CUBE])
    (root / "meta" / "notes.txt").write_text("here")
    theirs = hub.store.write(CUBE, {"meta/theirs.txt": b"there"})

    assert run(["push", CUBE]) == 9
    said = capsys.readouterr().err
    assert "newer commits" in said
    assert f"lerotool pull {CUBE}" in said
    assert hub.store.repositories[CUBE].branches["main"] == theirs

    assert run(["push", CUBE, "--replace"]) == 0
    assert pushed(hub) == contents(root)


def test_a_commit_that_somebody_makes_meanwhile_is_not_run_over(hub: FakeHub, home: Path) -> None:
    root = put_set(home)
    run(["push", CUBE])
    (root / "meta" / "notes.txt").write_text("here")
    theirs: list[str] = []
    meanwhile = lambda: theirs.append(hub.store.write(CUBE, {"meta/theirs.txt": b"there"}))  # noqa: E731
    hub.go_wrong(Fault(None, only=("POST", "/commit/"), call=meanwhile))

    assert run(["push", CUBE]) == 9

    assert [hub.store.repositories[CUBE].branches["main"]] == theirs


def test_a_commit_of_the_same_names_and_sizes_is_not_taken_for_ones_own(hub: FakeHub, home: Path) -> None:
    root = put_set(home)
    run(["push", CUBE])
    (root / "meta" / "notes.txt").write_text("here")
    theirs: list[str] = []

    def meanwhile() -> None:
        theirs.append(hub.store.write(CUBE, {"meta/notes.txt": b"HERE"}))

    hub.go_wrong(Fault(Trouble.ERROR_500, only=("POST", "/commit/"), call=meanwhile))

    assert run(["push", CUBE]) == 9
    assert [hub.store.repositories[CUBE].branches["main"]] == theirs


def test_another_dataset_on_the_hub_is_not_replaced_by_mistake(
    hub: FakeHub, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_set(home, "me/other", "v30_lerobot061_other")
    run(["push", "me/other", "--repo-id", CUBE])
    there = pushed(hub)
    put_set(home)

    assert run(["push", CUBE]) == 9
    assert "neither pulled from there nor pushed there" in capsys.readouterr().err
    assert pushed(hub) == there


def test_the_tag_alone_can_be_mended(hub: FakeHub, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_set(home)
    run(["push", CUBE])
    repository = hub.store.repositories[CUBE]
    newest = hub.store.write(CUBE, {"meta/more.txt": b"x"})

    assert run(["push", CUBE, "--tag-only", "--dry-run"]) == 0
    assert repository.tags["v3.0"] != newest
    assert run(["push", CUBE, "--tag-only"]) == 0
    assert repository.tags["v3.0"] == newest

    repository.tags.clear()
    assert run(["push", "me/nowhere-here", "--repo-id", CUBE, "--tag-only"]) == 0
    assert repository.tags == {"v3.0": newest}
    assert "there was none" in capsys.readouterr().out


def test_files_that_a_gitignore_leaves_out_are_missed(
    hub: FakeHub, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = put_set(home)
    (root / "meta" / "x.ignored").write_text("not taken")
    hub.store.create(CUBE, is_private=True)
    hub.store.write(CUBE, {".gitignore": b"*.ignored"})

    assert run(["push", CUBE]) == 9

    assert "meta/x.ignored" in capsys.readouterr().err
    assert hub.store.repositories[CUBE].tags == {}


def test_large_files_go_in_parts_when_the_hub_asks_for_it(hub: FakeHub, home: Path) -> None:
    root = put_set(home)
    hub.chunk = 5000

    assert run(["push", CUBE]) == 0

    assert any("/part/3" in seen.path for seen in hub.requests)
    assert pushed(hub) == contents(root)


def test_a_file_that_a_link_brings_from_elsewhere_is_not_pushed(
    hub: FakeHub, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = put_set(home)
    (tmp_path / "secret.txt").write_text("private")
    (root / "meta" / "notes.txt").symlink_to(tmp_path / "secret.txt")

    assert run(["push", CUBE, "--force"]) == 3

    assert "symbolic link" in capsys.readouterr().err
    assert hub.store.repositories == {}


def head_of(card: bytes) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load(card.decode().split("---\n")[1])
    return found


def test_the_card_states_facts_and_no_licence(hub: FakeHub, home: Path) -> None:
    put_set(home)
    run(["push", CUBE])
    card = hub.store.files(CUBE)["README.md"]

    assert head_of(card) == {
        "task_categories": ["robotics"],
        "tags": ["LeRobot"],
        "configs": [{"config_name": "default", "data_files": "data/*/*.parquet"}],
    }
    text = card.decode()
    for fact in (
        "| episodes | 4 |",
        "62 at 10 fps",
        "64x48 | av1",
        "Push the blue disc",
        'LeRobotDataset("me/pick-cube")',
    ):
        assert fact in text

    run(["push", CUBE, "--license", "cc-by-4.0"])
    assert head_of(hub.store.files(CUBE)["README.md"])["license"] == "cc-by-4.0"
    run(["push", CUBE])
    assert head_of(hub.store.files(CUBE)["README.md"])["license"] == "cc-by-4.0"


@pytest.mark.parametrize(
    ("line", "is_said"),
    [
        (b'{"report": {"rows": 31, "duration_s": 3.1}}', True),
        (b'{"report": {"rows": 31}}', False),
        (b'{"report": {"rows": "all", "duration_s": 3.1}}', False),
        (b'{"report": [[' + 20_000 * b"[", False),
        (b"\xff", False),
    ],
)
def test_the_card_says_what_was_measured_where_the_reports_do(tmp_path: Path, line: bytes, is_said: bool) -> None:
    root = put_set(tmp_path)
    reports = root / "meta/lerotool/recordings/chunk-000/file-000.jsonl"
    reports.parent.mkdir(parents=True)
    reports.write_bytes(4 * (line + b"\n"))

    card = facts(Dataset.open(root), CUBE, 0, None)

    assert ("| measured while recording | 10.00 rows/s; 0 missed rows, 0 stale rows |" in card) == is_said


def test_what_a_person_wrote_into_the_card_stays(hub: FakeHub, home: Path, tmp_path: Path) -> None:
    root = put_set(home)
    hub.store.create(CUBE, is_private=True)
    theirs = "---\nlicense: mit\ntags:\n- so101\npretty_name: Cubes\n---\n# Cubes\n\nRecorded in my kitchen.\n"
    hub.store.write(CUBE, {"README.md": theirs.encode()})
    run(["push", CUBE])
    first = hub.store.files(CUBE)["README.md"].decode()
    assert first.index("Recorded in my kitchen.") < first.index("| episodes | 4 |")
    head = head_of(first.encode())
    assert (head["license"], head["pretty_name"], head["tags"]) == ("mit", "Cubes", ["so101", "LeRobot"])

    keep_episodes(root, "0,1", tmp_path / "kept")
    run(["push", CUBE])

    second = hub.store.files(CUBE)["README.md"].decode()
    assert "Recorded in my kitchen." in second
    assert "| episodes | 2 |" in second
    assert "| episodes | 4 |" not in second


def test_texts_of_the_dataset_are_text_in_the_card(hub: FakeHub, home: Path) -> None:
    assert _escaped("a|b <script> *x* `y` [z](w)\n# h") == "a\\|b &lt;script> \\*x\\* \\`y\\` \\[z\\](w)\\\\n\\# h"


@pytest.mark.parametrize("card", [b"---\na: [\n---\n", b"\xff\xfe"])
def test_a_card_that_cannot_be_read_is_an_error(
    card: bytes, hub: FakeHub, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = put_set(home)
    (root / "README.md").write_bytes(card)

    assert run(["push", CUBE]) == 3
    assert str(root / "README.md") in capsys.readouterr().err
    assert hub.store.repositories == {}

"""Whatever the bytes of a file are, every parser ends in one of lerotool's own errors, and check in a report."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lerotool.checking import check
from lerotool.dataset.layout import PathTemplate
from lerotool.dataset.reading.footerless import read_footerless
from lerotool.dataset.reading.thrift import Reader, ThriftError
from lerotool.dataset.writing.staging import finish_interrupted
from lerotool.errors import LerotoolError, MetadataError
from lerotool.features import DEFAULT_FEATURES
from lerotool.media.mp4 import read_header
from lerotool.media.pictures import decode_image
from lerotool.mending.repair import plan_repair, repair
from lerotool.moments import FeatureStats
from lerotool.spool.recovery import Verdict, examine
from lerotool.workspace import Workspace
from tests.dataset.reading import DATA, EPISODES, IMAGE_SET, OLD_SET, PLAIN_SET, VIDEO_SET, copy_set, tree_hash
from tests.sampling import examples
from tests.spool.episodes import add_row, begin
from tests.untrusted.mutations import Mutation, damage, mutations

H264_SET = "v30_lerobot061_h264"
VIDEO = "videos/observation.images.front/chunk-000/file-000.mp4"
quick = settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FILES = [
    (PLAIN_SET, "meta/info.json"),
    (PLAIN_SET, "meta/stats.json"),
    (PLAIN_SET, "meta/tasks.parquet"),
    (PLAIN_SET, EPISODES),
    (PLAIN_SET, DATA),
    (IMAGE_SET, DATA),
    (VIDEO_SET, VIDEO),
    (H264_SET, VIDEO),
    (OLD_SET, "meta/episodes.jsonl"),
    (OLD_SET, "meta/tasks.jsonl"),
    (OLD_SET, "meta/episodes_stats.jsonl"),
    (OLD_SET, "data/chunk-000/episode_000001.parquet"),
]
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(2**70) | st.just("../x"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sets")
    return {name: copy_set(name, folder) for name in {name for name, _ in FILES}}


@contextlib.contextmanager
def restored(path: Path) -> Iterator[None]:
    """Give a file back its bytes afterwards."""
    original = path.read_bytes()
    try:
        yield
    finally:
        path.write_bytes(original)


@pytest.mark.parametrize(("name", "file"), FILES)
@quick
@given(changes=mutations)
def test_check_ends_in_a_report_and_changes_nothing(
    sets: dict[str, Path], name: str, file: str, changes: list[Mutation]
) -> None:
    root = sets[name]
    with restored(root / file):
        damage(root / file, changes)
        before = tree_hash(root)
        check(root)
        plan_repair(root, drops=True)
        assert tree_hash(root) == before


@pytest.mark.parametrize(("name", "file"), [FILES[0], FILES[3], FILES[4], FILES[6], FILES[8]])
@settings(quick, max_examples=examples(5))
@given(changes=mutations)
def test_a_repair_leaves_fewer_errors_or_the_same(
    tmp_path: Path, name: str, file: str, changes: list[Mutation]
) -> None:
    root = copy_set(name, tmp_path)
    try:
        damage(root / file, changes)
        with contextlib.suppress(LerotoolError):
            done = repair(root, drops=True)
            assert {f.code for f in done.after.findings if f.severity == "error"} <= {
                f.code for f in done.plan.before.findings
            }
    finally:
        shutil.rmtree(root)


def replace_somewhere(document: Any, place: int, value: Any) -> None:
    """Replace one value of a document by another."""
    places: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        found = waiting.pop()
        keys = found.keys() if isinstance(found, dict) else range(len(found)) if isinstance(found, list) else ()
        for key in keys:
            places.append((found, key))
            waiting.append(found[key])
    holder, key = places[place % len(places)]
    holder[key] = value


@pytest.mark.parametrize(("name", "file"), [FILES[0], FILES[1], FILES[8], FILES[9], FILES[10]])
@settings(quick, max_examples=examples(25))
@given(place=st.integers(0, 10_000), value=json_values)
def test_any_value_anywhere_in_a_document_ends_in_a_report(
    sets: dict[str, Path], name: str, file: str, place: int, value: Any
) -> None:
    root = sets[name]
    with restored(root / file):
        lines = [json.loads(line) for line in (root / file).read_text().splitlines()] if file.endswith("l") else None
        document = lines if lines is not None else json.loads((root / file).read_text())
        replace_somewhere(document, place, value)
        texts = [json.dumps(entry) for entry in lines] if lines is not None else [json.dumps(document)]
        (root / file).write_text("\n".join(texts))
        check(root)
        plan_repair(root)


PARSERS: dict[str, Callable[[Path], object]] = {
    "mp4 header": read_header,
    "footerless": lambda path: read_footerless(path, DEFAULT_FEATURES),
    "thrift": lambda path: Reader(path.read_bytes()).struct(),
    "picture": lambda path: decode_image(path.read_bytes()),
}


@pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS.keys())
@settings(quick, max_examples=examples(80))
@given(
    content=st.binary(max_size=300), head=st.sampled_from([b"", b"PAR1", b"\x89PNG\r\n\x1a\n", b"II*\0", b"\xff\xd8"])
)
def test_random_bytes_are_no_traceback(
    tmp_path: Path, parse: Callable[[Path], object], content: bytes, head: bytes
) -> None:
    path = tmp_path / "file"
    path.write_bytes(head + content)
    with contextlib.suppress(LerotoolError, ThriftError):
        parse(path)


@settings(quick, max_examples=examples(80))
@given(content=st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_journal_is_refused_or_carried_out(tmp_path: Path, content: bytes) -> None:
    workspace = Workspace(tmp_path / "set")
    workspace.folder.mkdir(parents=True, exist_ok=True)
    (tmp_path / "set/meta").mkdir(exist_ok=True)
    workspace.journal.write_bytes(content)
    check(workspace.root)
    with contextlib.suppress(LerotoolError, OSError):
        finish_interrupted(workspace)
    workspace.journal.unlink(missing_ok=True)


@pytest.mark.parametrize("file", ["header.json", "rows.log", "front.mjpeg", "front.index", "saved.json"])
@quick
@given(changes=mutations)
def test_a_damaged_pending_episode_gets_a_verdict(tmp_path: Path, file: str, changes: list[Mutation]) -> None:
    shutil.rmtree(tmp_path / "set", ignore_errors=True)
    writer = begin(tmp_path / "set")
    for number in range(4):
        add_row(writer, number)
    folder = writer.save({}).path
    damage(folder / file, changes)
    assert isinstance(examine(folder), Verdict)
    check(tmp_path / "set")


@settings(quick, max_examples=examples(200))
@given(
    text=st.text(max_size=30) | st.from_regex(r"(videos|\.\.|/|\{video_key\}|\{file_index:0?\d?d?\}|\\|\{\}|!r){1,6}")
)
def test_any_template_is_refused_or_stays_inside(text: str) -> None:
    numbers = frozenset(("chunk_index", "file_index"))
    with contextlib.suppress(MetadataError):
        template = PathTemplate.parse(text, numbers, "info.json", usual="x")
        path = template.fill({"chunk_index": 1, "file_index": 2}, "camera")
        assert not Path(path).is_absolute()
        assert ".." not in Path(path).parts


@settings(quick, max_examples=examples(200))
@given(entry=st.dictionaries(st.sampled_from(["min", "max", "mean", "std", "count", "q01"]), json_values))
def test_any_statistics_are_refused_or_read(entry: dict[str, Any]) -> None:
    with contextlib.suppress(MetadataError, OverflowError):
        FeatureStats.from_json(entry)

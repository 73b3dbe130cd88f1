"""A version of the format is an object: what LeRobot adds next is one module, and everything works with it."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lerotool.checking.check import check
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.formats import FormatVersion, Sizes, Totals, find_format
from lerotool.dataset.info import load_info, new_info, parse_info
from lerotool.dataset.writing.appender import DatasetAppender
from lerotool.errors import UnsupportedVersionError
from lerotool.features import camera, recorded_features, vector
from lerotool.findings import Loading, Severity
from lerotool.merging.options import MergeOptions, SourceArgument
from lerotool.merging.planning import merge_datasets
from lerotool.statistics.measure import Selection
from lerotool.statistics.rewrite import rewrite
from lerotool.statistics.verify import verify
from tests.dataset.pretended_v31 import COLUMN, INFO_KEY, known_v31
from tests.dataset.writing import episode
from tests.shared import GOLDEN

SET, OTHER = GOLDEN / "v30_lerobot061_two_cams", GOLDEN / "v30_lerobot061_other"


def named(root: Path, version: str) -> Path:
    """Copy a dataset under another version's name."""
    shutil.copytree(SET, root)
    path = root / "meta" / "info.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "codebase_version": version}))
    return root


@pytest.mark.parametrize("version", FormatVersion.registered())
def test_a_new_info_is_read_as_what_it_was_made_of(version: FormatVersion) -> None:
    features = {"action": vector(["a", "b"]), "observation.images.front": camera(48, 64)}
    info = new_info(version, 30, features, "so_follower", Totals(3, 40, 2), Sizes(500, 10, 20), {"mine": 1})
    again = parse_info(json.loads(json.dumps(info.to_json())))
    assert again.to_json() == info.to_json()
    assert again.codebase_version is version
    assert (again.total_episodes, again.total_frames, again.chunks_size) == (3, 40, 500)
    assert (again.data_path, again.video_path) == (version.data_path, version.video_path)
    assert again.model_extra is not None
    assert again.model_extra["mine"] == 1


@pytest.mark.parametrize("version", FormatVersion.registered())
def test_a_version_is_one_object_wherever_it_goes(version: FormatVersion) -> None:
    assert pickle.loads(pickle.dumps(version)) is version
    assert FormatVersion(str(version)) is version
    assert version == str(version)
    assert json.dumps(version) == f'"{version}"'


def test_a_later_v3_is_read_like_the_one_that_is_known(tmp_path: Path) -> None:
    dataset, known = Dataset.open(named(tmp_path / "set", "v3.7")), Dataset.open(SET)
    assert (dataset.version, dataset.version.is_known) == ("v3.7", False)
    assert dataset.rows().equals(known.rows())
    assert dataset.stats.keys() == known.stats.keys()
    assert load_info(dataset.root).to_json()["codebase_version"] == "v3.7"
    assert check(dataset.root).loading == check(SET).loading


def test_nothing_is_written_to_a_later_version(tmp_path: Path) -> None:
    root = named(tmp_path / "set", "v3.7")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    with pytest.raises(UnsupportedVersionError, match=r"v3\.7"):
        DatasetAppender.open(root)
    result = subprocess.run(
        [sys.executable, "-m", "lerotool", "stats", str(root), "--write"], capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    assert "v3.7" in result.stderr
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("name", ["v2.2", "v4.0", "v3.0.1", "v3.x", "v3.1 ", "", None, 3])
def test_where_nothing_is_known_nothing_is_guessed(name: object) -> None:
    assert find_format(name) is None


@pytest.fixture
def later() -> Iterator[FormatVersion]:
    with known_v31() as version:
        yield version


def test_a_new_version_is_one_module_and_datasets_of_it_are_merged_read_checked_and_measured(
    later: FormatVersion, tmp_path: Path
) -> None:
    sources = (SourceArgument.parse(str(SET)), SourceArgument.parse(str(OTHER)))
    root = merge_datasets(sources, tmp_path / "new", MergeOptions(version=later)).target
    dataset = Dataset.open(root)
    assert dataset.version is later
    assert load_info(root).to_json()[INFO_KEY] == "none"
    assert [episode.extra for episode in dataset.episodes] == [{COLUMN: "unknown"}] * 7
    as_v30 = merge_datasets(sources, tmp_path / "v30").target
    assert (check(root).loading, check(root).codes) == (Loading.RIGHT, check(as_v30).codes)
    written = rewrite(dataset, Selection(sampling=None))
    assert root / "meta" / "stats.json" in written.files
    assert verify(Dataset.open(root), Selection(sampling=None)).count(Severity.ERROR) == 0


def test_datasets_of_a_new_version_are_sources_like_any_other(later: FormatVersion, tmp_path: Path) -> None:
    source = (SourceArgument.parse(str(SET)),)
    new = merge_datasets(source, tmp_path / "new", MergeOptions(version=later)).target
    again = merge_datasets((SourceArgument.parse(str(new)),), tmp_path / "old").target
    dataset = Dataset.open(again)
    assert dataset.version is FormatVersion.V30
    assert dataset.rows().equals(Dataset.open(SET).rows())
    # What v3.0 does not know is kept, as from any source.
    assert [episode.extra[COLUMN] for episode in dataset.episodes] == ["unknown"] * 4


def test_episodes_are_added_to_a_dataset_of_a_new_version(later: FormatVersion, tmp_path: Path) -> None:
    source = (SourceArgument.parse(str(SET)),)
    root = merge_datasets(source, tmp_path / "new", MergeOptions(version=later)).target
    with DatasetAppender.open(root) as appender:
        features = recorded_features(Dataset.open(SET).features)
        appender.append([episode(tmp_path / "episode", features, ["a"] * 3, 1, fps=10)])
    dataset = Dataset.open(root)
    assert dataset.num_episodes == 5
    assert dataset.episodes[4].extra[COLUMN] == "unknown"

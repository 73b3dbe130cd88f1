"""Exported statistics are those of the numbers that the training code normalises."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lerotool.dataset.dataset import Dataset
from lerotool.errors import UsageError
from lerotool.features import vector
from lerotool.statistics import chunks as module
from lerotool.statistics.chunks import Chunks, measure_chunks
from lerotool.statistics.export import (
    OpenpiOptions,
    document_text,
    export_groot,
    export_openpi,
    parse_mask,
)
from tests.shared import REALDATA, needs_realdata
from tests.statistics.sets import arm_set, edit_data, make_set, moving


def naive_chunks(dataset: Dataset, mask: tuple[bool, ...], horizon: int) -> np.ndarray:
    """Return all numbers of all chunks (n, d), one frame after another, as openpi's transforms make them."""
    found = []
    for episode in dataset.episodes:
        actions = dataset.numpy("action", episode.dataset_from, episode.dataset_to)
        states = dataset.numpy("observation.state", episode.dataset_from, episode.dataset_to)
        for frame in range(episode.length):
            chunk = actions[[min(frame + step, episode.length - 1) for step in range(horizon)]].copy()
            for place, is_relative in enumerate(mask):
                if is_relative:
                    chunk[:, place] -= states[frame, place]
            found.append(chunk)
    return np.concatenate(found)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=3),
    horizon=st.integers(1, 9),
    mask=st.lists(st.booleans(), max_size=3),
    block=st.sampled_from([1, 50, 10_000]),
)
def test_chunks_are_those_that_openpi_makes(lengths, horizon, mask, block, tmp_path_factory) -> None:
    dataset = arm_set(tmp_path_factory.mktemp("set") / "set", [moving(n, n) for n in lengths])
    expected = naive_chunks(dataset, tuple(mask), horizon).astype(np.float64)
    chunks = Chunks("action", "observation.state" if any(mask) else None, tuple(mask) if any(mask) else (), horizon)
    patch = pytest.MonkeyPatch()
    patch.setattr(module, "_BLOCK_VALUES", block)
    patch.setattr(module, "_JOB_ROWS", block)
    try:
        stats = measure_chunks(dataset, chunks)
    finally:
        patch.undo()
    assert stats.count == len(expected)
    np.testing.assert_allclose(stats.mean, expected.mean(axis=0), rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(stats.std, expected.std(axis=0), rtol=1e-10, atol=1e-9)
    for name, fraction in (("q01", 0.01), ("q50", 0.5), ("q99", 0.99)):
        np.testing.assert_array_equal(stats.quantiles[name], np.quantile(expected, fraction, axis=0))


def test_openpi_gets_state_and_actions_in_its_layout(tmp_path: Path) -> None:
    dataset = arm_set(tmp_path / "set", [moving(0), moving(1)])
    document = json.loads(document_text(export_openpi(dataset, OpenpiOptions(parse_mask("2,-1"), 4, 8))))
    assert list(document) == ["norm_stats"]
    assert list(document["norm_stats"]) == ["state", "actions"]
    state, actions = document["norm_stats"]["state"], document["norm_stats"]["actions"]
    for entry in (state, actions):
        assert list(entry) == ["mean", "std", "q01", "q99"]
        assert all(len(values) == 8 and values[3:] == [0.0] * 5 for values in entry.values())
    values = naive_chunks(dataset, (True, True, False), 4).astype(np.float64)
    np.testing.assert_allclose(actions["mean"][:3], values.mean(axis=0), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(actions["q99"][:3], np.quantile(values, 0.99, axis=0))
    states = dataset.numpy("observation.state").astype(np.float64)
    np.testing.assert_allclose(state["std"][:3], states.std(axis=0))


def test_the_names_of_openpis_own_sets_are_found(tmp_path: Path) -> None:
    features = {"actions": vector(["a", "b"]), "state": vector(["a", "b"])}
    columns = {name: np.random.default_rng(0).normal(0, 1, (20, 2)).astype(np.float32) for name in features}
    document = export_openpi(make_set(tmp_path / "set", [columns], features), OpenpiOptions(horizon=1))
    np.testing.assert_allclose(document["norm_stats"]["actions"]["mean"], columns["actions"].mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (OpenpiOptions(mask=(True,) * 4), "mask has 4 dimensions"),
        (OpenpiOptions(pad=2), "3 dimensions do not fit into 2"),
        (OpenpiOptions(state="joints"), "no feature 'joints'"),
        (OpenpiOptions(horizon=0), "horizon of 0"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: OpenpiOptions, text: str, tmp_path: Path) -> None:
    dataset = arm_set(tmp_path / "set", [moving(0, 5)])
    with pytest.raises(UsageError, match=text):
        export_openpi(dataset, options)


def test_nan_is_not_exported(tmp_path: Path) -> None:
    arm_set(tmp_path / "set", [moving(0)])

    def spoil(values: np.ndarray) -> None:
        values[3, 1] = np.nan

    edit_data(tmp_path / "set", "action", spoil)
    with pytest.raises(UsageError, match="NaN"):
        document_text(export_openpi(Dataset.open(tmp_path / "set")))


@pytest.mark.parametrize(("text", "mask"), [("2,-1", (True, True, False)), ("-1,0,1", (False, True)), ("1", (True,))])
def test_masks_are_read_as_openpi_makes_them(text: str, mask: tuple[bool, ...]) -> None:
    assert parse_mask(text) == mask


def test_what_is_no_mask_is_refused() -> None:
    with pytest.raises(UsageError, match="not a mask"):
        parse_mask("6,x")


@needs_realdata
def test_groot_gets_what_nvidias_own_script_wrote() -> None:
    root = REALDATA / "gr1_sim_v20"
    written = json.loads((root / "meta/stats.json").read_text())
    document = export_groot(Dataset.open(root))
    assert list(document["action"]) == ["mean", "std", "min", "max", "q01", "q99"]
    assert set(document) == set(written)
    for name, entry in written.items():
        for statistic, values in entry.items():
            assert np.shape(document[name][statistic]) == np.shape(values)
            np.testing.assert_allclose(document[name][statistic], values, rtol=1e-4, atol=1e-5)

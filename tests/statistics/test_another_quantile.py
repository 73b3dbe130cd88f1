"""One more quantile is one entry of a table: it is written, and no dataset lacks it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from lerotool.dataset.dataset import Dataset
from tests.shared import GOLDEN

_WITH_Q02 = """
import sys
from importlib.machinery import SourceFileLoader

sys.dont_write_bytecode = True
as_it_is = SourceFileLoader.get_data

def get_data(loader, path):
    if path.endswith(".pyc") and "feature_stats" in path:
        raise OSError("compiled from the changed text")
    data = as_it_is(loader, path)
    if not path.endswith("feature_stats.py"):
        return data
    assert data.count(b'{"q01": 0.01, ') == 1
    return data.replace(b'{"q01": 0.01, ', b'{"q01": 0.01, "q02": 0.02, ')

SourceFileLoader.get_data = get_data

import lerotool
from lerotool.dataset.dataset import Dataset
from lerotool.moments import QUANTILES
from lerotool.statistics.measure import Selection
from lerotool.statistics.rewrite import rewrite
from lerotool.statistics.verify import verify

assert list(QUANTILES)[:3] == ["q01", "q02", "q10"]
root = sys.argv[1]
numbers = Selection(sampling=None)

def codes():
    found = {finding.code.value for finding in verify(Dataset.open(root), numbers).findings}
    return found | {code.value for code in lerotool.check(root).codes}

before = codes()
assert "stats-quantiles" not in before, before
rewrite(Dataset.open(root), numbers)
after = codes()
assert after <= before, after - before
"""


def test_a_quantile_more_is_written_and_missed_nowhere(tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(GOLDEN / "v30_lerobot061_novideo", root)
    result = subprocess.run([sys.executable, "-c", _WITH_Q02, str(root)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    stats = json.loads((root / "meta" / "stats.json").read_text())
    values = Dataset.open(root).numpy("action").astype(np.float64)
    assert stats["action"]["q02"] == np.quantile(values, 0.02, axis=0).tolist()

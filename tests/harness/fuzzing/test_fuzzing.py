"""Every parser reads what it is fed first, and refuses what random damage makes of it; failures are told."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.fuzzing import damage
from harness.fuzzing.child import parse
from harness.fuzzing.parsers import PARSERS
from harness.fuzzing.seeds import write_seeds
from tests.dataset.reading import PLAIN_SET, copy_set
from tests.sampling import examples
from tests.shared import GOLDEN
from tests.untrusted.mutations import Mutation, mutations

SCRIPT = Path(__file__).parents[3] / "scripts/fuzz.py"


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    found = {}
    for name in PARSERS:
        folder = tmp_path_factory.mktemp(name)
        write_seeds(name, GOLDEN, folder)
        found[name] = [path.read_bytes() for path in sorted(folder.iterdir())]
    return found


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), changes=mutations)
def test_damaged_bytes_end_in_an_error_of_lerotool(
    seeds: dict[str, list[bytes]], name: str, data: st.DataObject, changes: list[Mutation]
) -> None:
    content = data.draw(st.sampled_from(seeds[name]))
    for change in changes:
        content = change.apply(content)
    parse(PARSERS[name], content)


@pytest.mark.parametrize("name", PARSERS)
def test_what_a_parser_is_fed_first_is_no_error_of_it(seeds: dict[str, list[bytes]], name: str, tmp_path: Path) -> None:
    """At least one of them: else all that is made from them would be refused at the first byte."""
    path = tmp_path / "file"
    path.write_bytes(seeds[name][0])
    PARSERS[name](path)


def test_an_unexpected_error_is_a_finding() -> None:
    def careless(path: Path) -> None:
        path.read_bytes()[1]

    with pytest.raises(IndexError):
        parse(careless, b"x")


def test_a_file_beside_the_folder_is_a_finding() -> None:
    with pytest.raises(AssertionError):
        parse(lambda path: (path.parent.parent / "stolen").write_bytes(b""), b"")


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process as Linux does")
def test_a_case_is_repeated_by_its_seed(tmp_path: Path) -> None:
    copy_set(PLAIN_SET, tmp_path)
    run = [sys.executable, str(SCRIPT), str(tmp_path), "--seed", "7"]
    done = subprocess.run(run, stdout=subprocess.PIPE, check=False)
    assert (json.loads(done.stdout)["cases"], json.loads(done.stdout)["failures"], done.returncode) == (1, 0, 0)


def test_damage_is_the_same_for_the_same_seed_and_changes_something() -> None:
    content = bytes(range(200)) * 3
    made = [damage.damaged(content, random.Random(seed)) for seed in range(50)]
    assert made == [damage.damaged(content, random.Random(seed)) for seed in range(50)]
    assert sum(content != one for one in made) > 45

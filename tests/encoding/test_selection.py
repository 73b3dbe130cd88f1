"""Which pending episodes to encode."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.arguments import parse_numbers
from lerotool.encoding.plan import folder_number
from lerotool.errors import UsageError

_RANGES = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 30)), min_size=1, max_size=5)


@given(_RANGES)
def test_lists_and_ranges_name_all_their_numbers(ranges: list[tuple[int, int]]) -> None:
    text = ", ".join(str(first) if more == 0 else f"{first}-{first + more}" for first, more in ranges)
    assert parse_numbers(text) == {first + n for first, more in ranges for n in range(more + 1)}


@pytest.mark.parametrize("text", ["", "3-1", "-1", "a", "1,,2", "1-2-3", "1.5", "0-99999999999"])
def test_what_is_no_list_of_numbers_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not an episode number"):
        parse_numbers(text)


def test_a_folder_that_was_renamed_has_no_number() -> None:
    assert folder_number("episode-000012-1f3a9c0e") == 12
    assert folder_number("good-one") is None

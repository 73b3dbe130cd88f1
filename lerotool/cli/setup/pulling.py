"""Tells adapters apart by having a cable pulled and plugged in again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from lerotool.cli.setup.person import EnterKey, Person
from lerotool.devices.servos.adapters import Adapter, find_again, find_candidates, find_pulled, list_adapters, port_of
from lerotool.setup.arms import Place

T = TypeVar("T")
POLL_S = 0.1
SETTLE_S = 0.5
"""What hangs at one hub goes one after another."""


def find_adapter_of(place: Place, known: Mapping[Place, str], person: Person) -> Adapter | None:
    """Return the adapter of an arm, found out with the person's help, or None if it is left out."""
    while True:
        adapters = list_adapters()
        free = [each for each in find_candidates(adapters) if port_of(each, adapters) not in known.values()]
        if len(free) > 1:
            return _watch(place, free, person)
        if len(free) == 1:
            others = "the other adapter" if known else "the only adapter that is plugged in"
            person.output.note(f"{others}: {free[0].describe()}")
            question = f"is it the {place}'s?"
            if person.confirm(question, default=True, option=place.option):
                return free[0]
        else:
            person.output.note("no other serial adapter is plugged in" if known else "no serial adapter is plugged in")
        instruction = f"plug the {place}'s USB cable in and press Enter (s: leave the {place} out for now)"
        if person.wait(instruction, place.option, letters="s") == "s":
            return None


def _watch(place: Place, before: list[Adapter], person: Person) -> Adapter:
    note = person.output.note
    note("\n".join(["plugged in:", *(f"  {each.describe()}" for each in before)]))
    with EnterKey() as enter:
        adapter = None
        while adapter is None:
            note(f"pull the {place}'s USB cable out of the computer now (q and Enter: stop)")
            _wait_for(lambda: bool(find_pulled(before, list_adapters())), enter, person, "no adapter has gone yet")
            time.sleep(SETTLE_S)
            gone = find_pulled(before, list_adapters())
            if len(gone) == 1:
                adapter = gone[0]
            elif gone:
                note("several adapters have gone at once: plug them in again, then pull only the one")
                _wait_for(lambda: not find_pulled(before, list_adapters()), enter, person, "not all are back yet")
        note(f"that was {adapter.describe()}; plug it in again")
        return _wait_for(lambda: find_again(adapter, list_adapters()), enter, person, "it is not back yet")


def _wait_for(look: Callable[[], T | None], enter: EnterKey, person: Person, not_yet: str) -> T:
    """Wait for something that the person does, who may press Enter to see whether it was noticed."""
    while not (seen := look()):
        if enter.is_pressed():
            person.output.note(not_yet)
        time.sleep(POLL_S)
    return seen

"""What the person says about the take just saved, by keys: success, failure, flag. It is on disk at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lerotool.dataset.marks import Mark, Outcome
from lerotool.recording.controls import Controls, Key
from lerotool.recording.events import EpisodeMarked
from lerotool.recording.take import Saved
from lerotool.spool.documents import write_mark

_OUTCOMES = {Key.SUCCESS: Outcome.SUCCESS, Key.FAILURE: Outcome.FAILURE}


def labelled(mark: Mark, key: Key) -> Mark:
    """Return a mark after a key: an outcome stays however often it is said, the flag goes on and off."""
    if (outcome := _OUTCOMES.get(key)) is not None:
        return replace(mark, outcome=outcome)
    return replace(mark, flagged=not mark.flagged)


class Labelling:
    """The take just saved, as long as the person may mark it or take it back."""

    def __init__(self, saved: Saved, episode: int, listen: Callable[[EpisodeMarked], None]) -> None:
        self.saved = saved
        self.episode = episode
        self.mark = Mark()
        self._listen = listen

    def obey(self, controls: Controls) -> None:
        """Mark the take as the keys since the last call say."""
        for key in controls.take_labels():
            mark = labelled(self.mark, key)
            if mark != self.mark:
                write_mark(self.saved.pending.path, mark.to_json())
                self.mark = mark
            self._listen(EpisodeMarked(self.episode, mark))

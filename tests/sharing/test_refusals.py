"""Whatever the Hub refuses is said in plain words, with what to do; tokens are in no message."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.hub import FakeHub, Fault, Trouble
from harness.hub.server import READ, WRITE
from lerotool.cli.app import run
from lerotool.sharing.refusals import _shortened
from tests.sharing.sets import put_set

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
CUBE = "me/pick-cube"


def test_who_is_not_logged_in_is_told_how(
    hub: FakeHub, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from huggingface_hub import constants

    put_set(home)
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "no-token"))

    assert run(["push", CUBE]) == 9
    said = capsys.readouterr().err
    assert "not logged in" in said
    assert "hf auth login" in said

    hub.store.create("me/private", is_private=True)
    assert run(["pull", "me/private"]) == 9
    assert "it is private and you are not logged in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("token", "said"), [(READ, "you may not do this to me/pick-cube"), ("hf_unknownUnknown", "does not know the token")]
)
def test_a_token_that_does_not_suffice_is_named_by_what_it_lacks(
    hub: FakeHub,
    home: Path,
    token: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put_set(home)
    monkeypatch.setenv("HF_TOKEN", token)

    assert run(["push", CUBE]) == 9

    shown = capsys.readouterr()
    assert said in shown.err
    assert token not in shown.err + shown.out
    assert hub.store.repositories == {}


def test_the_right_to_write_to_others_is_missing(hub: FakeHub, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_set(home)

    assert run(["push", CUBE, "--repo-id", "you/pick-cube"]) == 9

    assert "you may not do this to you/pick-cube" in capsys.readouterr().err


def test_a_gated_dataset_says_where_to_ask(hub: FakeHub, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hub.store.create("you/gated", is_private=False).is_gated = True
    hub.store.write("you/gated", {"meta/info.json": b"{}"})

    assert run(["pull", "you/gated"]) == 9

    said = capsys.readouterr().err
    assert "you/gated is gated" in said
    assert f"ask for access at {hub.url}/datasets/you/gated" in said


def test_a_rate_limit_is_waited_for_and_said(hub: FakeHub, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_set(home)
    hub.go_wrong(Fault(Trouble.RATE_LIMIT, lasts=2, only=("GET", "/refs")))

    assert run(["push", CUBE]) == 0

    assert "the Hub: rate limit; asking again in 1 s" in capsys.readouterr().err


def test_a_rate_limit_while_files_are_sent_is_said_too(
    hub: FakeHub, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_set(home)
    hub.go_wrong(Fault(Trouble.RATE_LIMIT, only=("POST", "/preupload/")))

    assert run(["push", CUBE]) == 0

    assert "the Hub: rate limit; asking again in 1 s" in capsys.readouterr().err


def test_trouble_that_stays_ends_with_what_to_do(hub: FakeHub, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_set(home)
    hub.go_wrong(Fault(Trouble.ERROR_500, lasts=1000, only=("POST", "/commit/")))

    assert run(["push", CUBE]) == 9

    said = capsys.readouterr().err
    assert "the Hub is in trouble (status 500) while making the commit" in said
    assert "run the same command again" in said
    assert hub.store.repositories[CUBE].tags == {}


@pytest.mark.slow
def test_no_network_is_said(hub: FakeHub, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hub.go_wrong(Fault(Trouble.CLOSED, lasts=1000))

    assert run(["pull", CUBE]) == 9

    assert f"the Hub ({hub.url}) cannot be reached" in capsys.readouterr().err


def test_offline_mode_is_named(hub: FakeHub, home: Path) -> None:
    program = f"import sys; from lerotool.cli.app import run; sys.exit(run(['pull', '{CUBE}']))"
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}

    finished = subprocess.run([sys.executable, "-c", program], env=offline, capture_output=True, text=True)

    assert finished.returncode == 9
    assert "HF_HUB_OFFLINE is set" in finished.stderr
    assert hub.requests == []


def test_a_missing_client_names_its_extra(
    hub: FakeHub, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put_set(home)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    assert run(["push", CUBE]) == 2

    assert "pip install huggingface_hub" in capsys.readouterr().err
    assert run(["list"]) == 0


@pytest.mark.parametrize("name", ["cube", "me/a/b", "me/../x", "me/c u b e"])
def test_a_name_that_cannot_be_is_refused_before_anything_is_asked(hub: FakeHub, home: Path, name: str) -> None:
    assert run(["pull", name]) == 2
    assert hub.requests == []


@pytest.mark.slow
def test_no_token_is_in_what_is_printed_even_with_a_traceback(hub: FakeHub, home: Path) -> None:
    put_set(home)
    hub.go_wrong(Fault(Trouble.ERROR_500, lasts=1000, only=("POST", "/tag/")))
    program = (
        f"import sys; from lerotool.cli.app import main; sys.argv = ['lerotool', '--debug', 'push', '{CUBE}']; main()"
    )

    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert "Traceback" in finished.stderr
    assert WRITE not in finished.stderr + finished.stdout


def test_signed_addresses_and_tokens_are_cut_out_of_foreign_texts() -> None:
    text = "PUT https://s3.example/x?X-Amz-Signature=abc failed for hf_abcdefghijkl"

    assert _shortened(text) == "PUT https://s3.example/x failed for hf_…"

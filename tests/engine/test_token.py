"""Joining a cluster that asks for a token which this machine has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from yolo_cli.engine import token

# As Ray 2.60 says it.
REFUSED = "RPC error: InvalidAuthToken: Authentication token is missing or incorrect."


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """A machine with a token; what is run there, to which a cluster says that it asks for it."""
    path = tmp_path / "auth_token"
    path.write_text("secret", "utf-8")
    monkeypatch.setenv(token.TOKEN_PATH, str(path))
    monkeypatch.setenv(token.MODE, "")  # so that it is restored
    for name in (token.MODE, token.TOKEN):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "modules", {k: v for k, v in sys.modules.items() if k != "ray"})
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> SimpleNamespace:
        commands.append(command)
        return SimpleNamespace(stdout="", stderr=f"Traceback\n{REFUSED}\n")

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_a_token_is_shown_where_it_is_asked_for(asked: list[list[str]]) -> None:
    token.show_token("head:6379")
    assert os.environ[token.MODE] == "token"
    assert asked[0][-3:] == ["status", "--address", "head:6379"]


def test_the_cluster_of_this_machine_needs_no_address(asked: list[list[str]]) -> None:
    token.show_token("auto")
    assert asked[0][-1] == "status"


@pytest.mark.parametrize("why", ["no token", "the user has said", "Ray is there", "nobody asks"])
def test_a_token_is_not_shown(
    asked: list[list[str]], why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if why == "no token":
        monkeypatch.setenv(token.TOKEN_PATH, str(tmp_path / "gone"))
    elif why == "the user has said":
        monkeypatch.setenv(token.MODE, "disabled")
    elif why == "Ray is there":
        monkeypatch.setitem(sys.modules, "ray", sys)
    else:
        fine = SimpleNamespace(stdout="Active:\n 1 node", stderr="")
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: fine)
    token.show_token("head:6379")
    assert os.environ.get(token.MODE, "disabled") == "disabled"
    assert not asked


def test_a_status_that_never_comes_is_no_error(
    asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **_: object) -> None:
        raise subprocess.TimeoutExpired(command, 30)

    monkeypatch.setattr(subprocess, "run", run)
    token.show_token("head:6379")
    assert token.MODE not in os.environ

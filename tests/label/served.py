"""What the tests of the page's server share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolo_cli.label.session import Session

if TYPE_CHECKING:
    from httpx2 import Response
    from starlette.testclient import TestClient

TOKEN = "a-token"
PORT = 8765


@dataclass
class Client:
    """A client of the page.

    Attributes:
        http: sends requests.
        session: that it is about.
        out: where labels go.
    """

    http: TestClient
    session: Session
    out: Path

    def label(self, index: int) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.get(f"api/label/{index}").json()
        return answer

    def put(self, index: int, version: str, *marks: dict[str, Any]) -> Response:
        sent = {"marks": list(marks), "version": version}
        return self.http.put(f"api/label/{index}", json=sent)


def mark(name: str, *box: float, **more: Any) -> dict[str, Any]:
    """A box as the page sends it."""
    return {"name": name, "box": list(box), **more}

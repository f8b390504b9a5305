"""Who gets an answer: the page with the token on this machine, and nobody else."""

from __future__ import annotations

import socket

import pytest

pytest.importorskip("starlette")

from yolo_cli.errors import UserError
from yolo_cli.label import serve
from yolo_cli.label.serve import free_port

from .served import PORT, TOKEN, Client, mark

HOME = f"http://127.0.0.1:{PORT}"


def test_the_page_itself_is_answered_with_a_policy(client: Client) -> None:
    for path, kind in (("", "text/html"), ("static/label.js", "text/javascript")):
        answer = client.http.get(path, headers={"Origin": HOME})
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
    assert client.http.get("picture/0").headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {}),
        ("/api/session", {}),
        ("/wrong/api/session", {}),
        (f"/{TOKEN}", {}),
        (f"/{TOKEN}x/api/session", {}),
        (f"/{TOKEN}/api/session", {"Host": f"evil.example:{PORT}"}),
        (f"/{TOKEN}/api/session", {"Host": "127.0.0.1:1"}),
        (f"/{TOKEN}/api/session", {"Origin": "http://evil.example"}),
        (f"/{TOKEN}/api/session", {"Origin": "null"}),
        (f"/{TOKEN}/api/session", {"Sec-Fetch-Site": "cross-site"}),
        (f"/{TOKEN}/static/..%2fapp.py", {}),
        (f"/{TOKEN}/static/%2e%2e/app.py", {}),
        (f"/{TOKEN}/static/..", {}),
        (f"/{TOKEN}/picture/..%2f..%2fetc%2fpasswd", {}),
        (f"/{TOKEN}/picture/3", {}),
        (f"/{TOKEN}/api/label/99999999999999999999", {}),
        (f"/{TOKEN}/tile/0/0/7/7", {}),
    ],
)
def test_everybody_else_gets_403(client: Client, path: str, headers: dict[str, str]) -> None:
    assert client.http.get(f"{HOME}{path}", headers=headers).status_code == 403


def test_a_page_elsewhere_cannot_write(client: Client) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Origin": HOME.replace("8765", "80")}):
        sent = client.http.put("api/label/0", json={"marks": [], "version": ""}, headers=headers)
        assert sent.status_code == 403
    assert not (client.out / "Annotations").exists()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 100_000])
def test_what_is_no_json_is_refused(client: Client, body: bytes) -> None:
    assert client.http.put("api/label/0", content=body).status_code == 422
    assert client.put(0, "", mark("cat", 0, 0, 5)).status_code == 422


def test_a_port_in_use_takes_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with free_port(20_000) as one, free_port(one.getsockname()[1]) as other:
        assert one.getsockname()[1] < other.getsockname()[1]
        assert other.getsockname()[0] == "127.0.0.1"
        assert other.family == socket.AF_INET
        monkeypatch.setattr(serve, "TRIES", 1)
        with pytest.raises(UserError, match="neither this port"):
            free_port(one.getsockname()[1])

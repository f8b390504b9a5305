from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from yolo_cli.errors import UserError
from yolo_cli.inference import web
from yolo_cli.inference.inputs import list_inputs
from yolo_cli.inference.items import WebItem
from yolo_cli.tasks.result import Origin

Answer = Callable[[BaseHTTPRequestHandler], None]


def png() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (30, 20), "teal").save(data, "PNG")
    return data.getvalue()


def send(body: bytes, length: int | None = None) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        request.end_headers()
        request.wfile.write(body)

    return answer


def redirect(to: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", to)
        request.end_headers()

    return answer


def drip(request: BaseHTTPRequestHandler) -> None:
    """Never ends, and is never silent."""
    request.send_response(200)
    request.end_headers()
    for _ in range(200):
        request.wfile.write(b"x")
        request.wfile.flush()
        time.sleep(0.02)


def slow_header(request: BaseHTTPRequestHandler) -> None:
    """A header that never ends, a byte at a time."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    for _ in range(200):
        request.wfile.write(b"x")
        request.wfile.flush()
        time.sleep(0.02)


def wait_a_little(request: BaseHTTPRequestHandler) -> None:
    """Promises an answer again and again."""
    for _ in range(200):
        request.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.wfile.flush()
        time.sleep(0.02)


def silence(_: BaseHTTPRequestHandler) -> None:
    time.sleep(2)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server of all kinds of answers; its address."""
    answers: dict[str, Answer] = {
        "/photo.png": send(png()),
        "/moved": redirect("/photo.png"),
        "/file": redirect("file:///etc/passwd"),
        "/ftp": redirect("ftp://localhost/x"),
        "/circle": redirect("/circle"),
        "/large": send(b"x" * 3000),
        "/claims": send(b"", 10**9),
        "/short": send(png()[:40], 400),
        "/text": send(b"<html>no image</html>"),
        "/drip": drip,
        "/silence": silence,
        "/header": slow_header,
        "/continue": wait_a_little,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path.split("?")[0])
            try:
                if answer is None:
                    self.send_error(404)
                else:
                    answer(self)
            except OSError:
                pass  # the client has gone

        def log_message(self, *_: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()
    thread.join()


def load(address: str, *, keep: bool = False) -> tuple[int, int]:
    return WebItem(Origin(address)).load(32, keep=keep).size


def test_an_image(server: str) -> None:
    assert load(f"{server}/photo.png?size=large") == (30, 20)
    item = WebItem(Origin(f"{server}/moved")).load(32, keep=True)
    assert item.image is not None
    assert item.image.size == (30, 20)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/missing", "the server says 404"),
        ("/file", "url 'file:///etc/passwd' is not allowed"),
        ("/ftp", "redirects to ftp://localhost/x"),
        ("/circle", "the server says 302"),
        ("/large", "more than 0 MB"),
        ("/claims", "more than 0 MB"),
        ("/short", "broke off|IncompleteRead"),
        ("/text", "not an image"),
        ("/drip", "takes longer than"),
        ("/silence", "takes longer than"),
        ("/header", "takes longer than"),
        ("/continue", "takes longer than"),
    ],
)
def test_refusals(server: str, monkeypatch: pytest.MonkeyPatch, path: str, message: str) -> None:
    monkeypatch.setattr(web, "MAX_BYTES", 2000)
    monkeypatch.setattr(web, "DEADLINE", 0.3)
    monkeypatch.setattr(web, "SILENCE", 1.0)
    start = time.monotonic()
    with pytest.raises(UserError, match=message) as caught:
        load(server + path)
    assert time.monotonic() - start < 1.5  # each of the slow answers takes at least two seconds
    assert caught.value.message.startswith(server + path)
    assert "\n" not in caught.value.message


def test_silence_before_the_deadline(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "SILENCE", 0.2)
    with pytest.raises(UserError, match=r"timed out|no answer"):
        load(f"{server}/silence")


def test_a_server_that_never_says_hello(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is limited before the encryption stands as well."""
    monkeypatch.setattr(web, "DEADLINE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"https://127.0.0.1:{listener.getsockname()[1]}/x.jpg"
        monkeypatch.setattr(web, "SILENCE", 5.0)
        start = time.monotonic()
        with pytest.raises(UserError, match="takes longer than"):
            load(address)
        assert time.monotonic() - start < 4


@pytest.mark.parametrize("address", ["http://[::1/x.jpg", "http://", "http://a b/x"])
def test_what_is_no_address(address: str) -> None:
    (source,) = list_inputs([address])
    assert source.kind == "address"
    with pytest.raises(UserError, match="cannot be fetched"):
        load(address)


def test_nobody_there() -> None:
    with pytest.raises(UserError, match="cannot be fetched"):
        load("http://127.0.0.1:1/x.jpg")


def test_addresses_as_sources(tmp_path: Path) -> None:
    (one,) = list_inputs(["HTTPS://example.org/a/b%20c.jpg?x=1"])
    assert (one.kind, one.file) == ("address", Path("b c.jpg"))
    (two,) = list_inputs(["http://example.org/"])
    assert two.file == Path("example.org")
    assert web.file_name("http://h/..%2f..%2fetc%2fpasswd") == "passwd"
    listed = tmp_path / "list.txt"
    listed.write_text("a.jpg\nhttp://example.org/a.jpg\n")
    with pytest.raises(UserError, match=r"list.txt:2: .* only when they are typed"):
        list_inputs([str(listed)])

"""Who may ask: the page that was opened with the token, from this machine, and nobody else.

Other pages that the user has open in the same browser can send requests to this machine as well,
and can give a name of their own this machine's address (DNS rebinding). Hence the token, without
which nothing is answered, and the checks of ``Host`` and ``Origin``.
"""

from __future__ import annotations

import hmac
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = "127.0.0.1"

MOST_BYTES = 64 * 1024**2
"""Largest body of a request; a photograph of 50 megapixels has a third of it."""

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def new_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_urlsafe(24)


class Guard:
    """Answers 403 to whoever has not the token in the path, or comes from elsewhere.

    Args:
        app: gets the rest, its paths without the token.
        token: first part of every path.
        port: that is listened on.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app = app
        self._prefix = f"/{token}/"
        self._hosts = {f"{name}:{port}" for name in (HOST, "localhost")}
        self._origins = {f"http://{host}" for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # no websockets here: a connection that nobody accepts is refused

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        wrong = self._refusal(scope)
        if wrong is not None:
            await wrong(scope, receive, sent)
            return
        path = "/" + scope["path"][len(self._prefix) :]
        await self._app({**scope, "path": path, "raw_path": path.encode()}, receive, sent)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        path = scope["path"].encode("utf-8", "replace")
        known = hmac.compare_digest(path[: len(self._prefix)], self._prefix.encode())
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        at_home = headers.get("host") in self._hosts and (origin is None or origin in self._origins)
        # A page elsewhere may link to the start; it cannot know the token, though.
        if not known or not at_home or site not in {"none", "same-origin"}:
            return PlainTextResponse("not allowed: open the address that yolo has printed", 403)
        try:
            length = int(headers.get("content-length", "0"))
        except ValueError:
            length = MOST_BYTES + 1
        if length > MOST_BYTES or "transfer-encoding" in headers:
            return PlainTextResponse("too large", 413)
        return None

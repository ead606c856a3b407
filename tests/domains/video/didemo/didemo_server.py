"""A server of files on this machine that fails as it is told to."""

import hashlib
import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FileServer:
    """Serves `files` by path; `faults` has, by path, what the next answers are instead.

    A fault is a status (500, 403, …), "cut" (half of what is left, then the connection ends), "ignore" (the whole,
    though a range was asked for), "longer" (a size that is too large), "slow" (a pause before the body), or a function
    that is called.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.faults: dict[str, list[Any]] = {}
        self.requests: list[tuple[str, str]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                owner.answer(self)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "FileServer":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path, asked = handler.path, handler.headers.get("Range", "")
        self.requests.append((path, asked))
        fault = self.faults[path].pop(0) if self.faults.get(path) else None
        if isinstance(fault, Callable):  # type: ignore[arg-type]
            fault()
            fault = None
        content = self.files.get(path)
        if isinstance(fault, int) or content is None:
            self._send(handler, fault or 404, b"", {})
            return
        tag = f'"{hashlib.sha256(content).hexdigest()[:8]}"'
        first, status, headers = 0, 200, {"ETag": tag}
        match = re.fullmatch(r"bytes=(\d+)-", asked)
        fresh = handler.headers.get("If-Range") in (None, tag)
        if match and fresh and fault != "ignore":
            first, status = int(match[1]), 206
            if first >= len(content):
                self._send(handler, 416, b"", {})
                return
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        if fault == "slow":
            time.sleep(0.3)
        self._send(
            handler, status, content[first:], headers, cut=fault == "cut", more=1000 * (fault == "longer")
        )

    def _send(
        self, handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str], *, cut: bool = False,
        more: int = 0,
    ) -> None:  # fmt: skip
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) + more))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2] if cut else body)
        if cut or more:
            handler.close_connection = True

"""Answer every request with its own bytes, as JSON: what a backend behind nginx gets to see.

    python3 - PORT

Each answer has security headers of its own. A path that holds `silent` gets no answer at all.
"""

from __future__ import annotations

import json
import socketserver
import sys


class Echo(socketserver.StreamRequestHandler):
    """One connection with one request."""

    def handle(self) -> None:
        """Read the request and send it back."""
        head = list(iter(self.rfile.readline, b"\r\n"))
        lengths = [int(line.split(b":")[1]) for line in head if line.lower().startswith(b"content-length:")]
        body = self.rfile.read(sum(lengths))
        if b"silent" in head[0]:
            self.rfile.read()
            return
        seen = {"head": [line.decode("latin-1") for line in head], "body": body.decode("latin-1")}
        answer = json.dumps(seen).encode()
        self.wfile.write(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
            b"Content-Security-Policy: default-src *\r\nX-Frame-Options: SAMEORIGIN\r\n\r\n" % len(answer) + answer
        )


class Server(socketserver.ThreadingTCPServer):
    """Serves connections side by side."""

    daemon_threads = True
    allow_reuse_address = True


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()

"""Receives stormlet's webhooks (Standard Webhooks, v1) with nothing but Python.

WEBHOOK_SECRET=whsec_… python receive.py 8080
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE = 300  # seconds that a request may be old, or ahead of this clock
LARGEST = 1024 * 1024
KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
seen: dict[str, float] = {}  # ids that were handled; in a program that is restarted, keep them in its database


def genuine(headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Tell whether a request comes from someone who knows the secret, and is not an old recording."""
    message_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (stamp.isascii() and stamp.isdecimal()) or abs(now - int(stamp[:15])) > TOLERANCE:
        return False
    signed = f"{message_id}.{stamp}.".encode() + body  # the bytes received, before anything is parsed
    wanted = b"v1," + base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256))
    # While a secret is rotated there are several signatures; any right one is enough.
    return any(hmac.compare_digest(each.encode(), wanted) for each in headers.get("webhook-signature", "").split(" "))


def handle(message: dict) -> None:
    """Do something with a message. What takes longer than a few seconds belongs into a queue."""
    print(message["type"], message["data"], flush=True)


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 for what it took, or had taken before; anything else is sent again later."""

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        if length > LARGEST:
            return self.answer(413)
        body = self.rfile.read(length)
        if not genuine(self.headers, body, time.time()):
            return self.answer(401)
        message_id = self.headers["webhook-id"]
        if message_id not in seen:  # delivery is at least once: the same id may come again
            handle(json.loads(body))
            seen[message_id] = time.time()
        return self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()

"""Ask at a steady rate, far beyond a limit, each time as if for another client; print what came back, as JSON.

    python3 - ADDRESS PORT HOST PATH CONNECTIONS RATE SECONDS

RATE is the number of requests a second over all connections. Prints {"statuses": {status: count}, "refusal": a 429}.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Reply = dict[str, Any]


def ask(address: str, port: int, host: str, path: str, rate: float, seconds: float) -> list[Reply]:
    """Send requests over one connection and return the answers."""
    replies = []
    connection = http.client.HTTPConnection(address, port, timeout=30)
    began = time.monotonic()
    for number in range(round(rate * seconds)):
        if time.monotonic() - began > seconds:
            break
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        pretended = f"203.0.113.{number % 256}"
        connection.request("GET", path, headers={"Host": host, "X-Forwarded-For": pretended, "X-Real-IP": pretended})
        answer = connection.getresponse()
        body = answer.read().decode()
        replies.append({"status": answer.status, "headers": answer.getheaders(), "body": body})
    return replies


def main(address: str, port: str, host: str, path: str, connections: str, rate: str, seconds: str) -> None:
    """Send the requests and print the summary."""
    share = float(rate) / int(connections)
    with ThreadPoolExecutor(int(connections)) as pool:
        asked = [
            pool.submit(ask, address, int(port), host, path, share, float(seconds)) for _ in range(int(connections))
        ]
    replies = [reply for one in asked for reply in one.result()]
    statuses = Counter(reply["status"] for reply in replies)
    print(json.dumps({"statuses": statuses, "refusal": next((one for one in replies if one["status"] == 429), {})}))


if __name__ == "__main__":
    main(*sys.argv[1:])

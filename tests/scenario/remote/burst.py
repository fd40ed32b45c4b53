"""Send requests as fast as one connection takes them and print the statuses, as a JSON list. Runs on another machine.

python3 - ADDRESS PORT HOST PATH COUNT
"""

from __future__ import annotations

import http.client
import json
import sys


def main(address: str, port: str, host: str, path: str, count: str) -> None:
    """Print the statuses."""
    statuses = []
    connection = http.client.HTTPConnection(address, int(port), timeout=10)
    for _ in range(int(count)):
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    print(json.dumps(statuses))


if __name__ == "__main__":
    main(*sys.argv[1:])

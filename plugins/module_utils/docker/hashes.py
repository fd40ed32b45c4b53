"""How Compose is brought to print the hashes that it compares: pure, no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def hash_override(services: Mapping[str, Mapping[str, Any]], running: Mapping[str, str]) -> str:
    """Return the Compose file to lay over the project's, so that Compose prints the hashes that it compares.

    Before it takes the hash of a service that it starts, but not where it prints hashes, Compose puts the id of the
    container in place of ``network_mode: service:NAME``, and the variables of an ``env_file`` among the others.

    Parameters:
        services: as ``docker compose config`` prints them.
        running: the id of a running container, by service.
    """
    reset = "the file is read already"
    over: dict[str, dict[str, Any]] = {}
    for name, service in services.items():
        over[name] = {"env_file": reset}
        if service.get("environment"):
            over[name]["environment"] = service["environment"]
        joined = service.get("network_mode", "").removeprefix("service:")
        if joined != service.get("network_mode", "") and joined in running:
            over[name]["network_mode"] = f"container:{running[joined]}"
    return json.dumps({"services": over}).replace(json.dumps(reset), "!reset []")

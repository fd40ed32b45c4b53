"""The hashes that Compose compares."""

from __future__ import annotations

from typing import Any

from ansible_collections.fullstack.docker.plugins.module_utils.docker import hashes


def test_hashes_are_those_of_services_with_their_files_read_and_their_namespaces_joined() -> None:
    services: dict[str, Any] = {
        "web": {"network_mode": "service:door", "environment": None},
        "api": {"environment": {"A": "$$1"}},
        "alone": {"network_mode": "service:gone"},
        "host": {"network_mode": "host"},
    }
    assert hashes.hash_override(services, {"door": "4f"}) == (
        '{"services": {"web": {"env_file": !reset [], "network_mode": "container:4f"}, '
        '"api": {"env_file": !reset [], "environment": {"A": "$$1"}}, '
        '"alone": {"env_file": !reset []}, "host": {"env_file": !reset []}}}'
    )

"""What a release asks through the front door, for any prefix and any health path, with a frontend or without."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.real_ansible import PlayRunner
from tests.unit.roles.test_environments import VARIABLES, role

DOOR = "http://127.0.0.1:8420"
KEYS = ("verify", "answered", "reached")
PLANS: dict[str, tuple[dict[str, Any], dict[str, list[str]]]] = {
    "as it comes": (
        {"fastapi_backend_smoke_paths": ["/health/ready?full=1"]},
        {"verify": ["/"], "answered": ["/api/health", "/api/health/ready?full=1"], "reached": []},
    ),
    "another prefix": (
        {"nginx_frontend_api_prefix": "/v1.0/shop", "fastapi_backend_health_path": "/"},
        {"verify": ["/"], "answered": ["/v1.0/shop/"], "reached": []},
    ),
    "prefix kept, health below it": (
        {"nginx_frontend_api_strip_prefix": False, "fastapi_backend_health_path": "/api/health"},
        {"verify": ["/"], "answered": ["/api/health"], "reached": []},
    ),
    "prefix kept, health outside of it": (
        {"nginx_frontend_api_strip_prefix": False},
        {"verify": ["/"], "answered": ["/.fullstack/backend/health"], "reached": ["/api/"]},
    ),
    "prefix kept, health that only begins like it": (
        {
            "nginx_frontend_api_prefix": "/a.i",
            "nginx_frontend_api_strip_prefix": False,
            "fastapi_backend_health_path": "/api/health",
        },
        {"verify": ["/"], "answered": ["/.fullstack/backend/api/health"], "reached": ["/a.i/"]},
    ),
    "prefix kept, some inside and some outside": (
        {"nginx_frontend_api_strip_prefix": False, "fastapi_backend_smoke_paths": ["/api/ready"]},
        {"verify": ["/"], "answered": ["/api/ready", "/.fullstack/backend/health"], "reached": []},
    ),
    "no frontend": (
        {"nginx_frontend_source": "none"},
        {"verify": [], "answered": ["/api/health"], "reached": []},
    ),
    "no frontend, prefix kept, health outside of it": (
        {"nginx_frontend_source": "none", "nginx_frontend_api_strip_prefix": False},
        {"verify": [], "answered": ["/.fullstack/backend/health"], "reached": ["/api/"]},
    ),
}


@pytest.fixture(scope="module")
def plans(play: PlayRunner) -> dict[str, Any]:
    """Return what the role says in each case."""
    shown = play(
        role("fastapi_backend", when=False),
        role("nginx_frontend", when=False),
        role("compose_project", when=False),
        *(
            {"ansible.builtin.set_fact": {"plan": "{{ __nginx_frontend_rolling }}"}, "vars": variables}
            for variables, _expected in PLANS.values()
        ),
        variables=VARIABLES,
    )
    told = [result["ansible_facts"]["plan"] for result in shown.results if "plan" in result.get("ansible_facts", {})]
    return dict(zip(PLANS, told, strict=True))


@pytest.mark.parametrize("name", PLANS)
def test_the_backend_is_always_asked_for_a_proof(plans: dict[str, Any], name: str) -> None:
    expected = {key: [f"{DOOR}{path}" for path in paths] for key, paths in PLANS[name][1].items()}
    assert {key: plans[name][key] for key in KEYS} == expected

"""What the tests of this scenario share: the developer's machine, their browser, the play."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.scenario.developer import PORTS, REPORT, Machine, open_page, tunnel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def machine(ports: dict[str, int]) -> Machine:
    """Return the session of the developer, over the connection of the tunnel."""
    return Machine()


@pytest.fixture(scope="session")
def ports() -> Iterator[dict[str, int]]:
    """Return the ports at which this machine reaches the services, by service."""
    with tunnel(*PORTS.values()) as here:
        yield {service: here[port] for service, port in PORTS.items()}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return the distribution's Chromium."""
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, ports: dict[str, int]) -> Iterator[Page]:
    """Return the application's page, behind nginx."""
    opened = open_page(browser, ports["nginx"])
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def record() -> Callable[..., None]:
    """Return a function that keeps figures for who reads bench/out."""

    def keep(**figures: float) -> None:
        known = json.loads(REPORT.read_text()) if REPORT.exists() else {}
        REPORT.parent.mkdir(parents=True, exist_ok=True)
        REPORT.write_text(json.dumps(known | figures, indent=2) + "\n")

    return keep

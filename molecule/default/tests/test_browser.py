"""What a user sees in a browser: accounts, notes that arrive in other windows, the stack's status.

Leaves pictures in .cache/reports/browser/.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.scenario.stack import PROJECT, SERVICES, Compose, User, Web, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

PICTURES = PROJECT / ".cache/reports/browser"
AXE = PROJECT / "app/frontend/node_modules/axe-core/axe.min.js"
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
    "color_scheme": "dark",
}
STARTED_AFTER_MS = 60_000


@pytest.fixture(scope="module")
def browser(web: Web) -> Iterator[Browser]:
    program = shutil.which("chromium")
    assert program, "install chromium"
    rule = f"MAP localhost {web.address}"
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", f"--host-resolver-rules={rule}"]
        yield playwright.chromium.launch(executable_path=program, args=flags)


@pytest.fixture(scope="module")
def errors() -> list[str]:
    """Return what pages complained about on their consoles: a policy that they break, for one."""
    return []


@pytest.fixture(scope="module")
def desktop(browser: Browser, web: Web, errors: list[str]) -> BrowserContext:
    """Return the windows of one person at one machine."""
    size: Any = {"width": 1000, "height": 760}
    context = browser.new_context(base_url=f"http://localhost:{web.port}", viewport=size)
    context.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    return context


def picture(page: Page, name: str) -> Path:
    """Keep how a page looks."""
    path: Path = PICTURES / f"{name}.png"
    page.screenshot(path=path, animations="disabled")
    return path


def fill(page: Page, name: str, password: str = User.PASSWORD) -> None:
    """Fill in the form and send it, in the window in front: another one takes its time."""
    page.bring_to_front()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.locator("button[type=submit]").click()


def sign_in(page: Page, name: str) -> None:
    """Sign in, again where nginx counts too many attempts: all the people of these tests come from one address."""
    page.goto("/")
    fill(page, name)
    notes, refusal = page.get_by_label("New note"), page.get_by_role("alert")

    def signed_in() -> bool:
        expect(notes.or_(refusal)).to_be_visible()
        if refusal.is_visible():
            page.locator("button[type=submit]").click()
        return bool(notes.is_visible())

    eventually(signed_in, 30, every=1)


def write(page: Page, text: str) -> None:
    """Write a note."""
    page.get_by_label("New note").fill(text)
    page.get_by_role("button", name="Add note").click()


def barriers(page: Page) -> list[str]:
    """Return what stands in the way of somebody who sees or handles the page in another way."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")
    return [f"{one['id']}: {node['html']}" for one in found["violations"] for node in one["nodes"]]


def is_too_wide(page: Page) -> bool:
    """Tell whether a page has to be moved sideways to be read."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


class TestSomebodyNew:
    """Signs up, writes, looks from another window, leaves, comes back. In this order."""

    @pytest.fixture(scope="class")
    @classmethod
    def name(cls) -> str:
        return f"ada-{uuid4().hex[:8]}"

    @pytest.fixture(scope="class")
    @classmethod
    def window(cls, desktop: BrowserContext) -> Page:
        page = desktop.new_page()
        page.goto("/")
        return page

    @pytest.fixture(scope="class")
    @classmethod
    def other_window(cls, desktop: BrowserContext) -> Page:
        page = desktop.new_page()
        page.goto("/")
        return page

    def test_the_page_asks_who_it_is(self, window: Page) -> None:
        expect(window.get_by_role("heading", name="Sign in")).to_be_visible()
        picture(window, "1-sign-in")
        assert barriers(window) == []

    def test_signing_up_leads_to_the_notes(self, window: Page, name: str) -> None:
        window.get_by_role("button", name="Create one").click()
        picture(window, "2-sign-up")
        fill(window, name)
        expect(window.get_by_text("Nothing here yet")).to_be_visible()
        expect(window.get_by_text("Live", exact=True)).to_be_visible()

    def test_a_note_arrives_in_another_window(self, window: Page, other_window: Page) -> None:
        expect(other_window.get_by_text("Live", exact=True)).to_be_visible()
        for text in ("Water the plants", "Call the plumber about the tap in the kitchen,\nwhich drips again"):
            write(window, text)
        expect(other_window.get_by_text("Call the plumber")).to_be_visible()
        picture(other_window, "3-notes")
        assert barriers(other_window) == []

    def test_what_is_deleted_there_is_gone_here(self, window: Page, other_window: Page) -> None:
        other_window.get_by_role("button", name="Delete note: Water the plants").click()
        expect(window.get_by_text("Water the plants")).to_have_count(0)

    def test_who_loads_the_page_again_is_still_signed_in(self, window: Page) -> None:
        window.reload()
        expect(window.get_by_text("Call the plumber")).to_be_visible()

    def test_no_script_can_read_what_signs_them_in(self, window: Page, desktop: BrowserContext) -> None:
        (cookie,) = desktop.cookies()
        assert (cookie["path"], cookie["httpOnly"], cookie["sameSite"]) == ("/api", True, "Strict")
        assert window.evaluate("document.cookie + JSON.stringify(localStorage)").count(cookie["value"]) == 0

    def test_signing_out_signs_out_all_windows(self, window: Page, other_window: Page) -> None:
        window.get_by_role("button", name="Sign out").click()
        for page in (window, other_window):
            expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    def test_nothing_was_complained_about(self, window: Page, errors: list[str]) -> None:
        assert errors == []

    def test_a_wrong_password_is_told(self, window: Page, name: str) -> None:
        fill(window, name, "something else")
        expect(window.get_by_role("alert")).to_have_text("Name or password is wrong.")
        picture(window, "4-wrong-password")

    def test_the_right_one_brings_the_notes_back(self, window: Page, name: str) -> None:
        fill(window, name)
        expect(window.get_by_text("Call the plumber")).to_be_visible()


class TestStatusPage:
    """Shows the stack to whoever asks."""

    @pytest.fixture(scope="class")
    @classmethod
    def page(cls, desktop: BrowserContext) -> Page:
        page = desktop.new_page()
        page.goto("/status")
        expect(page.get_by_text("Everything works")).to_be_visible()
        return page

    @pytest.mark.parametrize("service", ["nginx", "Backend", "PostgreSQL", "Redis"])
    def test_each_service_is_there_with_its_latency(self, page: Page, service: str) -> None:
        card = page.get_by_role("listitem").filter(has_text=service)
        assert re.search(r"ok\n+Release\n+.+|ok\n+Latency\n+\d+\.\d ms", card.inner_text()), card.inner_text()

    @pytest.mark.parametrize(("service", "image"), [("nginx", "app-nginx"), ("Backend", "app-backend")])
    def test_the_release_is_the_tag_of_the_image(self, page: Page, compose: Compose, service: str, image: str) -> None:
        release = page.get_by_role("listitem").filter(has_text=service).get_by_role("code").inner_text()
        running = compose.container(image.removeprefix("app-")).inspect["Image"]
        assert compose.host.check_output("docker image inspect --format '{{.Id}}' %s", f"{image}:{release}") == running

    def test_it_can_be_read_by_everybody(self, page: Page) -> None:
        picture(page, "5-status")
        assert barriers(page) == []


class TestOnAPhoneAtNight:
    """Small, touched, dark."""

    @pytest.fixture(scope="class")
    @classmethod
    def page(cls, browser: Browser, web: Web) -> Page:
        eventually(web.serving, 30)
        page = browser.new_context(base_url=f"http://localhost:{web.port}", **PHONE).new_page()
        sign_in(page, web.user.name)
        write(page, "A word that fits on no phone: " + "long" * 30)
        expect(page.get_by_text("A word that fits")).to_be_visible()
        return page

    @pytest.mark.parametrize("path", ["/", "/status"])
    def test_it_fits(self, page: Page, path: str) -> None:
        page.get_by_role("link", name="Notes" if path == "/" else "Status").click()
        expect(page.get_by_role("listitem").first).to_be_visible()
        picture(page, "6-phone-notes" if path == "/" else "7-phone-status")
        assert not is_too_wide(page)
        assert barriers(page) == []

    def test_it_is_dark(self, page: Page) -> None:
        red, green, blue = re.findall(
            r"\d+", page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        )
        assert max(int(red), int(green), int(blue)) < 64


class TestBackendRestarted:
    """The window stays open meanwhile."""

    @pytest.fixture(scope="class")
    @classmethod
    def page(cls, browser: Browser, web: Web, compose: Compose) -> Iterator[Page]:
        """Return the window, after it noticed."""
        page = browser.new_context(base_url=f"http://localhost:{web.port}").new_page()
        sign_in(page, web.user.name)
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        compose.output("docker compose stop backend")
        expect(page.get_by_text("Reconnecting")).to_be_visible()
        picture(page, "8-reconnecting")
        compose.output("docker compose start backend")
        yield page
        eventually(lambda: compose.serving(len(SERVICES)) and web.serving(), 60)

    def test_it_comes_back_by_itself(self, page: Page) -> None:
        expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=STARTED_AFTER_MS)

    def test_changes_arrive_again(self, page: Page, web: Web) -> None:
        text = f"written elsewhere, {uuid4()}"
        web.add_note(text)
        expect(page.get_by_text(text)).to_be_visible()

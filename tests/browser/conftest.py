"""Fixtures of the studio's tests: Debian's Chromium by Playwright, on the session's stack."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from automix_gateway.site import BUILT, INDEX
from kit.stack import EVERYWHERE, SETTINGS, WORKERS, Stack
from kit.visit import PATIENCE_MS, Visit
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parents[2]
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program; tests that need it are skipped where it or the studio's build is not there."""
    found = os.environ.get("AUTOMIX_TEST_CHROMIUM") or shutil.which("chromium")
    if found is None:
        pytest.skip("needs a browser: apt-get install chromium")
    if not (BUILT / INDEX).is_file():
        pytest.skip("needs the studio's build: make web")
    return found


@pytest.fixture(scope="module")
def patient(chromium: str, stack: Stack) -> Iterator[None]:
    """Workers that give a render time to begin: beside a browser that may take long."""
    usual = {**EVERYWHERE, **SETTINGS["worker"]}
    for name in WORKERS:
        stack.local.change_environment(name, {**usual, "AUTOMIX_RENDER_SILENCE_SECONDS": "60"})
    yield
    for name in WORKERS:
        stack.local.change_environment(name, usual)


@pytest.fixture(scope="module")
def browser(chromium: str, patient: None) -> Iterator[Browser]:
    """Chromium for one module: Playwright's event loop runs meanwhile, and no other can begin."""
    # Beside workers that render, a page may take long.
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots are kept: AUTOMIX_TEST_PICTURES, or a temporary folder."""
    folder = Path(os.environ.get("AUTOMIX_TEST_PICTURES") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def visit(browser: Browser, stack: Stack, pictures: Path) -> Iterator[Visit]:
    """Somebody's browser, which must not complain of anything by the end of the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    visitor = Visit(context, f"http://{stack.addresses['gateway']}", pictures)
    yield visitor
    context.close()
    assert visitor.complaints == []


@pytest.fixture(scope="session")
def accessible() -> Callable[[Page], None]:
    """Asserts that axe finds no violation in a page, in light and in dark."""
    if not AXE.is_file():
        pytest.skip("needs axe-core, which `make web` installs")
    axe = AXE.read_text()

    def check(page: Page) -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.evaluate(axe)
            found = page.evaluate(
                "axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html).slice(0, 3)]))"
            )
            assert found == [], (scheme, page.url)

    return check

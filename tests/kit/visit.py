"""A browser that visits the studio, and what it complains of."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, expect

from kit.people import PASSWORD

PATIENCE_MS = 60_000
# What a browser says of its own accord about answers that the page expects.
EXPECTED = ("Failed to load resource", "AudioContext was not allowed to start", "ScriptProcessorNode")


@dataclass
class Visit:
    """A browser of one person, and what it complained of."""

    context: BrowserContext
    base: str
    pictures: Path
    complaints: list[str] = field(default_factory=list)

    def tab(self, path: str = "/") -> Page:
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self._heard(said.type, said.text))
        page.on("request", lambda request: self._asked(request.url))
        page.goto(self.base + path)
        return page

    def sign_up(self) -> Page:
        page = self.tab("/sign-up")
        page.get_by_label("Email").fill(f"{uuid.uuid4().hex}@example.org")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Create account").click()
        expect(page.get_by_role("heading", name="Projects")).to_be_visible()
        return page

    def new_project(self, page: Page, name: str) -> None:
        page.get_by_role("button", name="New project").first.click()
        page.get_by_label("Name of the song").fill(name)
        page.get_by_role("button", name="Create", exact=True).click()
        expect(page.get_by_role("heading", name=name)).to_be_visible()

    def picture(self, page: Page, name: str) -> None:
        page.screenshot(path=self.pictures / f"{name}.png", full_page=True)

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(words in text for words in EXPECTED):
            self.complaints.append(text)

    def _asked(self, url: str) -> None:
        if urlsplit(url).scheme in ("http", "https", "ws") and not url.startswith(self.base):
            self.complaints.append(f"asked another host: {url}")

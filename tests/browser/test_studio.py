"""The studio as a musician uses it, in a real browser, from the sign-up to the file on disk."""

from __future__ import annotations

import base64
import json
import re
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from kit.gateway import envoy_of
from kit.people import PASSWORD
from kit.servers import require_servers_of_our_own
from kit.stack import Stack
from kit.visit import PATIENCE_MS, Visit
from playwright.sync_api import Page, Route, expect

MIX_MS = 180_000
TAP = (Path(__file__).parent / "tap.js").read_text()
SWITCH_SECONDS = 0.020
ALIGNED_SECONDS = 0.001
SCRIPT_BYTES = 200_000


def choose(page: Page, *files: Path) -> None:
    page.locator("input[type=file]").set_input_files(files)
    for file in files:
        expect(page.get_by_label(f"Role of {file.name}").first).to_be_visible(timeout=PATIENCE_MS)
        expect(page.get_by_role("progressbar", name=f"Upload of {file.name}")).to_have_count(0, timeout=PATIENCE_MS)


def silence(path: Path, seconds: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(2 * 8000 * seconds))
    return path


def recorded(page: Page, channel: int) -> np.ndarray[Any, Any]:
    return np.frombuffer(base64.b64decode(page.evaluate("number => channel(number)", channel)), dtype="<f4")


def fits(page: Page) -> None:
    """Nothing sticks out at the width of a small phone."""
    before = page.viewport_size
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, page.url
    assert before is not None
    page.set_viewport_size(before)


def true_in(page: Page, expression: str) -> None:
    """Waits until an expression is true in the page, whose policy forbids Playwright's own way, which is `eval`."""
    deadline = time.monotonic() + MIX_MS / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(50)


def test_a_song_from_sign_up_to_download(
    visit: Visit, audio: Path, accessible: Callable[[Page], None], tmp_path: Path
) -> None:
    visit.context.add_init_script(TAP)
    page = visit.sign_up()
    accessible(page)
    sizes = page.evaluate(
        "performance.getEntriesByType('resource').filter(r => r.name.endsWith('.js')).map(r => r.decodedBodySize)"
    )
    assert 0 < sum(sizes) < SCRIPT_BYTES
    visit.new_project(page, "Falcon")
    stems = audio / "multitrack" / "falcon69"
    choose(page, stems / "vocals.flac", stems / "drums.flac", stems / "bass.flac")
    # What a file is was guessed from its name.
    expect(page.get_by_label("Role of vocals.flac")).to_have_value("ASSET_ROLE_VOCALS")
    expect(page.get_by_label("Role of drums.flac")).to_have_value("ASSET_ROLE_BEAT")
    accessible(page)
    fits(page)
    visit.picture(page, "project")

    page.get_by_role("button", name="Mix it").click()
    page.locator('a[href^="/renders/"]').click(timeout=MIX_MS)
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("Voice against backing")).to_be_visible()
    accessible(page)
    fits(page)
    visit.picture(page, "listen")

    # Both versions sound on one clock; a key moves from one to the other.
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("l")
    page.keyboard.press("Space")
    true_in(page, "recorded.blocks.some(b => b[0].some(x => Math.abs(x) > 1e-3) && b[5].some(x => x))")
    blocks = page.evaluate("recorded.blocks.length")
    true_in(page, f"recorded.blocks.length > {blocks + 5}")
    page.keyboard.press("b")
    true_in(page, "recorded.blocks.at(-1)[1].some(x => Math.abs(x) > 1e-3)")
    page.keyboard.press("Space")
    mix, plain, mix_in, plain_in = (recorded(page, number) for number in (0, 1, 4, 5))
    rate = page.evaluate("recorded.rate")
    begins, ends = int(np.flatnonzero(plain)[0]), int(np.flatnonzero(mix)[-1])
    assert 0 < (ends - begins) / rate <= SWITCH_SECONDS
    both = slice(begins - 8192, begins + 8192)
    lags = np.correlate(mix_in[both], plain_in[both][4096:-4096], mode="valid")
    assert abs(int(np.argmax(np.abs(lags))) - 4096) / rate <= ALIGNED_SECONDS

    with page.expect_download() as saved:
        page.get_by_role("button", name="Mix", exact=True).last.click()
    with wave.open(str(saved.value.path())) as file:
        assert file.getnframes() / file.getframerate() > 5
    with page.expect_download() as saved:
        page.get_by_role("button", name="Stems (zip)").click()
    assert Path(saved.value.path()).read_bytes()[:4] == b"PK\x03\x04"

    page.get_by_role("link", name="Console").click()
    expect(page.get_by_role("heading", name="Master")).to_be_visible(timeout=PATIENCE_MS)
    accessible(page)
    fits(page)
    strip = page.get_by_role("region", name="Lead bus")
    strip.get_by_text("Balance", exact=True).click()
    level = strip.get_by_role("spinbutton")
    level.fill("3")
    level.press("Tab")
    expect(page.get_by_text("1 change", exact=True)).to_be_visible()
    visit.picture(page, "console")
    page.get_by_role("button", name="Render again").click()
    page.wait_for_url(re.compile(r"/renders/.*\?with="), timeout=MIX_MS)
    expect(page.get_by_role("button", name="Other mix")).to_be_visible(timeout=PATIENCE_MS)
    page.go_back()
    expect(page.get_by_role("heading", name="Console")).to_be_visible(timeout=PATIENCE_MS)
    page.go_forward()
    expect(page.get_by_role("button", name="Other mix")).to_be_visible(timeout=PATIENCE_MS)


def test_what_is_cut_goes_on_and_what_is_no_audio_is_refused_in_a_sentence(visit: Visit, tmp_path: Path) -> None:
    page = visit.sign_up()
    visit.new_project(page, "Cut")
    cuts: list[str] = []

    def cut(route: Route) -> None:
        if len(cuts) < 2:
            cuts.append(route.request.url)
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/bytes?offset=*", cut)
    choose(page, silence(tmp_path / "beat.wav", 3))
    assert len(cuts) == 2
    page.unroute("**/bytes?offset=*")
    text = tmp_path / "lyrics.wav"
    text.write_text("la la la " * 100)
    page.locator("input[type=file]").set_input_files(text)
    refusal = page.get_by_role("alert").filter(has_text=re.compile(r"\w.*\.$"))
    expect(refusal).to_be_visible(timeout=PATIENCE_MS)

    # Nothing but silence makes no mix: the job says so, and may be tried again.
    page.get_by_role("button", name="Mix it").click()
    expect(page.get_by_text("This mix failed")).to_be_visible(timeout=MIX_MS)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("This mix failed")).to_be_visible(timeout=MIX_MS)


def test_two_tabs_share_a_sign_in_and_an_expired_token_is_renewed(visit: Visit) -> None:
    page = visit.sign_up()
    other = visit.tab("/")
    expect(other.get_by_role("heading", name="Projects")).to_be_visible()
    page.reload()
    other.reload()
    for tab in (page, other):
        expect(tab.get_by_role("heading", name="Make your first mix")).to_be_visible(timeout=PATIENCE_MS)
    refused: list[str] = []
    expired = {"code": 16, "message": "x", "details": [{"@type": "x/google.rpc.ErrorInfo", "reason": "TOKEN_EXPIRED"}]}

    def expire(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route.request.headers["authorization"])
            route.fulfill(status=401, body=json.dumps(expired), content_type="application/json")

    page.route("**/v1/projects", expire)
    visit.new_project(page, "After a while")
    assert refused
    other.goto(f"{visit.base}/account")
    other.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_role("link", name="Create an account").click()
    page.go_back()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert "/sign-in" in page.url


def test_a_deleted_project_comes_back_when_asked(visit: Visit) -> None:
    page = visit.sign_up()
    visit.new_project(page, "Kept")
    page.get_by_role("button", name="Delete the project").click()
    expect(page.get_by_role("heading", name="Make your first mix").or_(page.get_by_text("No project"))).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="Kept")).to_be_visible()
    page.get_by_role("searchbox", name="Search").fill("nothing of that name")
    expect(page.get_by_role("link", name="Kept")).to_have_count(0)


def test_the_studio_says_what_is_away_and_goes_on_by_itself(visit: Visit, stack: Stack) -> None:
    require_servers_of_our_own()
    page = visit.sign_up()
    visit.new_project(page, "Outage")
    lost = page.get_by_role("alert").filter(has_text="AutoMix does not answer")
    stack.processes.stop("projects")
    try:
        page.reload()
        expect(lost).to_be_visible(timeout=PATIENCE_MS)
        visit.picture(page, "away")
    finally:
        stack.processes.start("projects")
    expect(page.get_by_role("heading", name="Outage")).to_be_visible(timeout=PATIENCE_MS)
    expect(lost).to_have_count(0, timeout=PATIENCE_MS)

    # Envoy itself: what is asked meanwhile says so, and the page that is open goes on.
    envoy_of(stack).kill()
    page.get_by_role("button", name="Complete").click()
    expect(lost.or_(page.get_by_role("button", name="Reopen"))).to_be_visible(timeout=PATIENCE_MS)
    expect(lost).to_have_count(0, timeout=PATIENCE_MS)
    page.reload()
    expect(page.get_by_role("heading", name="Outage")).to_be_visible(timeout=PATIENCE_MS)


def test_every_small_page_is_accessible_and_fits_a_phone(visit: Visit, accessible: Callable[[Page], None]) -> None:
    page = visit.tab("/sign-in")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    accessible(page)
    fits(page)
    page.get_by_role("link", name="Create an account").click()
    accessible(page)
    page = visit.sign_up()
    page.get_by_role("button", name="New project").first.click()
    accessible(page)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard")).to_be_visible()
    accessible(page)
    page.keyboard.press("Escape")
    for path, heading in (("/account", "Account"), ("/nowhere", "")):
        page.goto(visit.base + path)
        if heading:
            expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        else:
            assert "NO_SUCH_ROUTE" in page.content()
            continue
        accessible(page)
        fits(page)
        visit.picture(page, heading.lower())


def test_a_password_is_changed_and_an_account_deleted(visit: Visit) -> None:
    page = visit.sign_up()
    page.goto(f"{visit.base}/account")
    page.get_by_label("Current password").fill("a wrong password")
    page.get_by_label("New password").fill(f"{PASSWORD} 2")
    page.get_by_role("button", name="Change", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Change", exact=True).click()
    expect(page.get_by_text("Your password is changed.")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(f"{PASSWORD} 2")
    page.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=PATIENCE_MS)

"""The studio as a musician uses it, in a real browser, from the sign-up to the file on disk."""

from __future__ import annotations

import base64
import json
import re
import time
import urllib.request
import uuid
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from kit.audio import beat, vocal
from kit.gateway import envoy_of
from kit.people import PASSWORD
from kit.servers import require_servers_of_our_own
from kit.stack import WORKERS, Stack
from kit.visit import PATIENCE_MS, Visit
from playwright.sync_api import Page, Route, expect

MIX_MS = 180_000
TAP = (Path(__file__).parent / "tap.js").read_text()
SWITCH_SECONDS = 0.020
ALIGNED_SECONDS = 0.001
SCRIPT_BYTES = 200_000
SONG_SECONDS = 36
SIZES = {"phone": (360, 740), "desk": (1280, 900), "4k": (3840, 2160)}


def choose(page: Page, *files: Path) -> None:
    page.locator("input[type=file]").set_input_files(files)
    taken(page, *files)


def drop(page: Page, file: Path) -> None:
    """Drops a file onto the page, as a hand does from a folder; while it hovers, the page says that it may."""
    page.evaluate(
        """([name, data]) => {
            const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
            window.carried = new DataTransfer();
            window.carried.items.add(new File([bytes], name));
            const over = {dataTransfer: window.carried, bubbles: true, cancelable: true};
            document.body.dispatchEvent(new DragEvent("dragover", over));
        }""",
        [file.name, base64.b64encode(file.read_bytes()).decode()],
    )
    expect(page.locator(".drop.over")).to_have_count(1)
    page.evaluate(
        """() => document.body.dispatchEvent(
            new DragEvent("drop", {dataTransfer: window.carried, bubbles: true, cancelable: true}))"""
    )
    taken(page, file)


def taken(page: Page, *files: Path) -> None:
    """Waits until files are uploaded and are tracks."""
    for file in files:
        expect(page.get_by_label(f"Role of {file.name}").first).to_be_visible()
        expect(page.get_by_role("progressbar", name=f"Upload of {file.name}")).to_have_count(0)


def silence(path: Path, seconds: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(2 * 8000 * seconds))
    return path


def recorded(page: Page, channel: int) -> np.ndarray[Any, Any]:
    return np.frombuffer(base64.b64decode(page.evaluate("number => channel(number)", channel)), dtype="<f4")


STICKS_OUT = """() => {
    const end = (one) => one.getBoundingClientRect().right;
    const sticks = (one, frame) => frame !== null && end(one) > end(frame) + 1;
    const out = [...document.querySelectorAll(".page *")]
        .filter((one) => sticks(one, one.closest(".card")) || sticks(one, one.closest(".page")))
        .map((one) => one.outerHTML.slice(0, 200));
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth > clientWidth ? [scrollWidth, ...out] : out;
}"""
"""What ends outside of its card or page, where it lies over something else or is cut off."""


def nothing_sticks_out(page: Page) -> None:
    """Waits until everything has taken the size of the window."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while out := page.evaluate(STICKS_OUT):
        assert time.monotonic() < deadline, (page.url, page.viewport_size, out[:3])
        page.wait_for_timeout(50)


def fits(page: Page) -> None:
    """Nothing sticks out on a small phone, nor where letters are large because the screen is."""
    before = page.viewport_size
    for width, height in (SIZES["phone"], SIZES["4k"]):
        page.set_viewport_size({"width": width, "height": height})
        nothing_sticks_out(page)
    assert before is not None
    page.set_viewport_size(before)


def everywhere(page: Page, visit: Visit, name: str) -> None:
    """Nothing sticks out from 360 px to 4K, in light or in dark; each is a picture."""
    before = page.viewport_size
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            nothing_sticks_out(page)
            visit.picture(page, f"{name}-{size}-{scheme}")
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
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
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
    # A button that a mouse has pressed leaves the keys to the player.
    page.get_by_role("button", name="Plain sum").click()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
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
    with zipfile.ZipFile(saved.value.path()) as stems_of_it:
        assert len(stems_of_it.namelist()) > 1
        assert stems_of_it.testzip() is None
    with page.expect_download() as saved:
        page.get_by_role("button", name="Report").click()
    assert {"plan", "report"} == json.loads(Path(saved.value.path()).read_text()).keys()

    page.get_by_role("link", name="Console").click()
    expect(page.get_by_role("heading", name="Master")).to_be_visible()
    accessible(page)
    fits(page)
    strip = page.get_by_role("region", name="Lead bus")
    strip.get_by_text("Balance", exact=True).click()
    level = strip.get_by_role("spinbutton")
    # What is shown is what is taken, whatever was typed.
    for typed in ("9999", "9998", ""):
        level.fill(typed)
        level.press("Tab")
        expect(level).to_have_value("40")
    level.fill("3")
    level.press("Tab")
    expect(page.get_by_text("1 change", exact=True)).to_be_visible()
    visit.picture(page, "console")
    page.set_viewport_size({"width": 360, "height": 740})
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(page.get_by_role("button", name="Render again")).to_be_in_viewport()
    accessible(page)
    fits(page)
    visit.picture(page, "console-changed-phone")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="Render again").click()
    page.wait_for_url(re.compile(r"/renders/.*\?with="), timeout=MIX_MS)
    expect(page.get_by_role("button", name="Other mix")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Console")).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("button", name="Other mix")).to_be_visible()


def test_a_preview_with_a_preset_becomes_the_whole_song(
    visit: Visit, accessible: Callable[[Page], None], tmp_path: Path
) -> None:
    visit.context.add_init_script(TAP)
    page = visit.sign_up()
    visit.new_project(page, "Long (live)")
    files = [vocal(tmp_path / "vocal.wav", SONG_SECONDS), beat(tmp_path / "beat.wav", SONG_SECONDS)]
    files += [beat(tmp_path / f"reference_{'of_a_long_name_' * 3}{number}.wav", 12) for number in (1, 2)]
    choose(page, *files)
    fits(page)

    # A preset of the account's own outlives the page.
    page.get_by_role("button", name="Up close", exact=True).click()
    page.get_by_role("button", name="Save these settings as a preset").click()
    page.get_by_label("Name of the preset").fill("My voice")
    page.get_by_role("button", name="Save", exact=True).click()
    mine = page.get_by_role("group", name="Your presets").get_by_role("button", name="My voice", exact=True)
    expect(mine).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(mine).to_have_attribute("aria-pressed", "false")
    mine.click()
    expect(page.get_by_role("button", name="Up close", exact=True)).to_have_attribute("aria-pressed", "true")

    # It goes on while nobody looks.
    page.get_by_role("button", name="Hear 30 seconds first").click()
    expect(page.get_by_role("progressbar", name="Mix").or_(page.locator('a[href^="/renders/"]'))).to_be_visible()
    page.get_by_role("link", name="All projects").click()
    page.get_by_role("link", name="Long").click()
    page.locator('a[href^="/renders/"]').click(timeout=MIX_MS)
    preview = page.get_by_role("region", name="Preview", exact=True)
    expect(preview).to_be_visible()
    expect(page.get_by_text("/ 0:30")).to_be_visible()
    expect(page.get_by_text("set “Vocal level”, or set “Balance” to “As the files are”")).to_be_visible()
    expect(page.get_by_text("the densest part of the song"), "which the page says itself").to_have_count(0)
    expect(page.get_by_role("combobox", name=re.compile("^Reference")).locator("option")).to_have_count(2)
    accessible(page)
    everywhere(page, visit, "preview")

    # Arrows seek, a drag marks a loop, and one stem alone sounds.
    place = page.get_by_role("slider", name="Place in the song")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowRight")
    expect(place).to_have_attribute("aria-valuenow", "5")
    box = place.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 20, steps=4)
    page.mouse.up()
    expect(page.get_by_role("button", name="Loop")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("s")
    stems = page.get_by_role("list", name="Stems").get_by_role("listitem")
    expect(stems.nth(1)).to_be_visible()
    expect(stems.filter(has_text="Live"), "they are called by what they hold").to_have_count(0)
    page.keyboard.press("Space")
    # No plain sum is made of a preview: the references and the mix come first, then stems.
    true_in(page, "recorded.blocks.some(b => b[2].some(x => Math.abs(x) > 1e-3) && b[3].some(x => Math.abs(x) > 1e-3))")
    stems.nth(0).get_by_role("button", name=re.compile("^Solo")).click()
    true_in(
        page, "recorded.blocks.at(-1)[2].some(x => Math.abs(x) > 1e-3) && recorded.blocks.at(-1)[3].every(x => x === 0)"
    )
    stems.nth(0).get_by_role("button", name=re.compile("^Solo")).click()
    stems.nth(0).get_by_role("button", name=re.compile("^Mute")).click()
    true_in(
        page, "recorded.blocks.at(-1)[2].every(x => x === 0) && recorded.blocks.at(-1)[3].some(x => Math.abs(x) > 1e-3)"
    )
    page.keyboard.press("Space")

    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("Link", exact=True).input_value()
    assert parse_qs(urlsplit(link).query)["X-Amz-Expires"] == ["3600"]
    with urllib.request.urlopen(link) as shared:
        assert shared.read(4) == b"RIFF"
    page.get_by_role("button", name="Close").first.click()

    page.get_by_role("button", name="Mix the whole song").click()
    expect(page.get_by_text(f"/ 0:{SONG_SECONDS}")).to_be_visible(timeout=MIX_MS)
    expect(preview).to_have_count(0)


def test_what_is_cut_goes_on_and_what_is_no_audio_is_refused_in_a_sentence(
    visit: Visit, stack: Stack, tmp_path: Path
) -> None:
    page = visit.sign_up()
    visit.new_project(page, "Cut")
    cuts: list[str] = []

    def cut(route: Route) -> None:
        cuts.append(urlsplit(route.request.url).path)
        if len(cuts) <= 3:
            route.abort("connectionreset")
        else:
            route.continue_()

    # It goes on by itself, and after the page was closed when the same file comes again.
    page.route("**/bytes?offset=*", cut)
    song = silence(tmp_path / "beat.wav", 3)
    page.locator("input[type=file]").set_input_files(song)
    expect(page.get_by_text("Cut off. It goes on where it was.")).to_be_visible()
    page.reload()
    choose(page, song)
    assert len(cuts) > 3
    assert len(set(cuts)) == 1, "one upload, whatever happened to its page"
    page.unroute("**/bytes?offset=*")
    text = tmp_path / "lyrics.wav"
    text.write_text("la la la " * 100)
    page.locator("input[type=file]").set_input_files(text)
    refusal = page.get_by_role("alert").filter(has_text=re.compile(r"\w.*\.$"))
    expect(refusal).to_be_visible()
    page.locator("input[type=file]").set_input_files({"name": "none.wav", "mimeType": "audio/wav", "buffer": b""})
    expect(page.get_by_text("The file is empty.")).to_be_visible()

    # A mix that waits can be called off.
    with stack.halted(WORKERS[0]), stack.halted(WORKERS[1]):
        page.set_viewport_size({"width": 1280, "height": 420})
        page.get_by_role("button", name="Mix it").click()
        expect(page.get_by_text("Waits for a free mixer")).to_be_in_viewport()
        page.get_by_role("button", name="Cancel", exact=True).click()
        expect(page.get_by_text("Cancelled", exact=True)).to_be_visible()

    # Nothing but silence makes no mix: the job says so, and may be tried again.
    page.get_by_role("button", name="Mix it").click()
    expect(page.get_by_text("This mix failed")).to_be_visible(timeout=MIX_MS)
    failed = page.locator('[data-status="JOB_STATUS_FAILED"]')
    failed.get_by_role("button", name="Try again").click()
    expect(failed).to_have_count(0)
    expect(failed).to_have_count(1, timeout=MIX_MS)


def test_two_tabs_share_a_sign_in_and_an_expired_token_is_renewed(visit: Visit) -> None:
    page = visit.sign_up()
    other = visit.tab("/")
    expect(other.get_by_role("heading", name="Projects")).to_be_visible()
    page.reload()
    other.reload()
    for tab in (page, other):
        expect(tab.get_by_role("heading", name="Make your first mix")).to_be_visible()
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


def test_a_link_signs_in_until_its_owner_signs_out(visit: Visit, stack: Stack, tmp_path: Path) -> None:
    """The link of `automix studio`: it carries a refresh token, which the page does not leave in its address."""
    credentials = {"email": f"{uuid.uuid4().hex}@example.org", "password": PASSWORD}
    asked = urllib.request.Request(
        f"{visit.base}/v1/auth:signUp", json.dumps(credentials).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(asked) as answer:
        refresh = json.load(answer)["tokens"]["refresh_token"]
    page = visit.tab(f"/#sign-in={refresh}")
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()
    assert refresh not in page.url
    visit.new_project(page, "Dropped")
    drop(page, beat(tmp_path / "beat.wav", 20))
    expect(page.locator(".drop.over")).to_have_count(0)
    page.get_by_role("button", name="Play beat.wav").click()
    expect(page.get_by_role("button", name="Pause beat.wav")).to_be_visible()
    page.goto(f"{visit.base}/account")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    again = visit.tab(f"/#sign-in={refresh}")
    expect(again.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(again.get_by_text("automix studio").first).to_be_visible()


def test_a_deleted_project_comes_back_when_asked(visit: Visit) -> None:
    page = visit.sign_up()
    visit.new_project(page, "Kept")
    page.get_by_role("button", name="Delete the project").click()
    expect(page.get_by_role("heading", name="Make your first mix")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="Kept")).to_be_visible()
    page.get_by_role("link", name="Kept").click()
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Name of the project").fill("Still here")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Still here")).to_be_visible()
    page.get_by_role("button", name="Complete").click()
    expect(page.get_by_role("button", name="Reopen")).to_be_visible()
    page.get_by_role("link", name="All projects").click()
    expect(page.get_by_role("listitem").filter(has_text="Still here")).to_contain_text("completed")
    page.get_by_role("searchbox", name="Search").fill("nothing of that name")
    expect(page.get_by_role("link", name="Still here")).to_have_count(0)
    page.get_by_role("searchbox", name="Search").fill("still")
    with page.expect_response("**/v1/projects?*") as listed:
        page.reload()
    before = listed.value.text()
    # Who leaves the page has decided, also when the list is read before the deletion arrives.
    page.get_by_role("button", name="Delete Still here").click()
    page.route("**/v1/projects?*", lambda route: route.fulfill(body=before, content_type="application/json"))
    page.reload()
    expect(page.get_by_role("heading", name="Make your first mix")).to_be_visible()


def test_the_studio_says_what_is_away_and_goes_on_by_itself(visit: Visit, stack: Stack) -> None:
    require_servers_of_our_own()
    page = visit.sign_up()
    visit.new_project(page, "Outage")
    lost = page.get_by_role("alert").filter(has_text="AutoMix does not answer")
    for process in ("projects", "mixer"):
        stack.processes.stop(process)
    try:
        page.reload()
        expect(lost).to_be_visible()
        visit.picture(page, "away")
        mix = visit.tab(f"/renders/{uuid.uuid4()}")
        console = visit.tab(f"/renders/{uuid.uuid4()}/console")
        for other in (mix, console):
            expect(other.get_by_role("heading", name="A part of AutoMix is away")).to_be_visible()
    finally:
        for process in ("projects", "mixer"):
            stack.processes.start(process)
    expect(page.get_by_role("heading", name="Outage")).to_be_visible()
    expect(lost).to_have_count(0)
    for other in (mix, console):
        expect(other.get_by_role("heading", name="This is not here")).to_be_visible()

    # Envoy itself: what is asked meanwhile says so, and the page that is open goes on.
    envoy_of(stack).kill()
    page.get_by_role("button", name="Complete").click()
    expect(lost.or_(page.get_by_role("button", name="Reopen"))).to_be_visible()
    expect(lost).to_have_count(0)
    page.reload()
    expect(page.get_by_role("heading", name="Outage")).to_be_visible()


def test_every_small_page_is_accessible_and_fits_a_phone(visit: Visit, accessible: Callable[[Page], None]) -> None:
    page = visit.tab("/sign-in")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    sizes = page.evaluate(
        "performance.getEntriesByType('resource').filter(r => r.name.endsWith('.js')).map(r => r.decodedBodySize)"
    )
    assert 0 < sum(sizes) < SCRIPT_BYTES
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
    page.goto(f"{visit.base}/docs")
    accessible(page)
    page.goto(f"{visit.base}/renders/mistyped")
    expect(page.get_by_role("heading", name="This is not here")).to_be_visible()
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
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

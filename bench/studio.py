"""How soon the studio shows itself on loopback: first contentful paint of its first page with an empty cache.

Each visit is compared with the reference page `/docs`, one file without scripts. Budgets: one second, and 200 kB of
script before compression. Needs Chromium and `make web`.
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from automix_local.stack import Stack
from playwright.sync_api import Browser, sync_playwright

VISITS = 7
POLL_MS = 50
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
SCRIPT = (
    "performance.getEntriesByType('resource').filter(r => r.name.endsWith('.js'))"
    ".reduce((sum, r) => sum + r.decodedBodySize, 0)"
)


def visit(browser: Browser, url: str) -> tuple[float, int]:
    """Milliseconds to the first paint of a page, and bytes of its scripts."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(url, wait_until="networkidle")
    while (paint := page.evaluate(PAINT)) is None:
        page.wait_for_timeout(POLL_MS)
    scripts: Any = page.evaluate(SCRIPT)
    context.close()
    return float(paint), int(scripts)


def main() -> None:
    """Command line of this module."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack.start(Path(folder) / "state") as stack,
        sync_playwright() as playwright,
    ):
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        base = f"http://{stack.endpoints['gateway']}"
        studio, reference = [], []
        for _ in range(VISITS):
            studio.append(visit(browser, f"{base}/"))
            reference.append(visit(browser, f"{base}/docs"))
        browser.close()
    first, other = (statistics.median(paint for paint, _ in visits) for visits in (studio, reference))
    print(
        f"first paint of the studio {first:.0f} ms (budget 1,000), of /docs {other:.0f} ms, ratio {first / other:.2f}"
    )
    print(f"scripts of the first page {studio[0][1] / 1000:.0f} kB (budget 200)")


if __name__ == "__main__":
    main()

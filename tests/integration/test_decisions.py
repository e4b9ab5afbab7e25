"""The decisions in docs/adr: numbered, listed, short."""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "adr"


def test_every_decision_has_a_number_of_its_own_and_a_line_in_the_list() -> None:
    pages = sorted(path.name for path in FOLDER.glob("0*.md"))
    numbers = [name.split("-")[0] for name in pages]
    assert len(set(numbers)) == len(numbers), "two decisions have one number: take the next free one"
    listed = (FOLDER / "README.md").read_text()
    assert [name for name in pages if f"({name})" not in listed] == []


def test_a_decision_says_why_what_and_what_follows_on_one_page() -> None:
    for path in FOLDER.glob("0*.md"):
        lines = path.read_text().splitlines()
        headings = [line for line in lines if line.startswith("#")]
        assert headings[0].startswith(f"# {path.name.split('-')[0]} "), path
        assert headings[1:] == ["## Why", "## Decision", "## What follows"], path
        assert len(lines) <= 40, path

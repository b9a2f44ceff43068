"""Links in our own pages lead somewhere: to a file that is there, and to a heading that it has; every page is linked."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = sorted(ROOT.glob("*.md")) + DOCS
LINK = re.compile(r"!?\[[^\]\n]*\]\(([^)\s]+)\)")


def text(page):
    """Without code, in which brackets mean something else."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"(?ms)^ *```.*?^ *```", "", page.read_text()))


def anchors(page):
    """As GitHub makes them of headings."""
    found = re.findall(r"(?m)^#+ (.+)$", re.sub(r"(?ms)^ *```.*?^ *```", "", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in found}


def links(page):
    for link in LINK.findall(text(page)):
        if "://" not in link and not link.startswith("mailto:"):
            path, _, anchor = link.partition("#")
            yield link, (page.parent / path).resolve() if path else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link, target, anchor in links(page):
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link} names no heading"


def test_every_page_is_in_the_index():
    index = ROOT / "docs" / "README.md"
    indexes = [index, *(ROOT / "docs" / part / "README.md" for part in ("design", "connectors"))]
    linked = {target for one in indexes for _, target, _ in links(one)}
    assert [page.name for page in DOCS if page not in linked | {index}] == []

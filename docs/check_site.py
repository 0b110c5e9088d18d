"""Check a built site: ``python docs/check_site.py docs/_build/html``.

* Links between its pages, and to their anchors, lead somewhere.
* Every parameter of every neuron model, source, rule and plasticity rule stands on the page of its class, and the search
  index leads from its name to that page.
* Every picture has a text for those who do not see it.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import spikelet


class Page(HTMLParser):
    """The links, anchors and pictures of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.silent: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the links and anchors of a tag."""
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.add(found["href"])
        if tag == "img":
            self.links.add(found.get("src", ""))
            if not found.get("alt"):
                self.silent.add(found.get("src", ""))


def broken(site: Path) -> Iterator[str]:
    """Yield links that lead nowhere, and pictures without a text."""
    pages = {path: Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(site)
        if name.parts[0] == "_modules" or name.name in ("genindex.html", "search.html"):
            continue
        yield from (f"{name}: picture {picture} has no text" for picture in sorted(page.silent))
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                yield f"{name}: {link} does not exist"
            elif (
                parts.fragment
                and target in pages
                and unquote(parts.fragment) not in pages[target].anchors
            ):
                yield f"{name}: {link}: there is no such anchor"


def described() -> Iterator[Any]:
    """Yield the classes (and functions that make models) of the vocabulary, whose parameters users fill in."""
    wings = {"neurons", "sources", "rules", "plasticity", "regulation"}
    for name in spikelet.__all__:
        item = getattr(spikelet, name)
        home = getattr(item, "__module__", "").split(".")
        if callable(item) and wings & set(home[1:2]) and not name.endswith("Model"):
            yield item


def parameters(cls: Any) -> list[str]:
    """Return the parameters that a class or function takes by name."""
    named = inspect.signature(cls).parameters.values()
    return [p.name for p in named if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def missing_parameters(site: Path, classes: list[Any]) -> Iterator[str]:
    """Yield parameters that neither their page nor the search has."""
    from sphinx.search.en import SearchEnglish  # noqa: PLC0415  # the rest needs no Sphinx

    script = (site / "searchindex.js").read_text("utf-8")
    index = json.loads(script[script.index("(") + 1 : script.rindex(")")])
    stem = SearchEnglish({}).stem  # as the search does it in the browser
    for cls in classes:
        document = f"api/spikelet.{cls.__name__}"
        if document not in index["docnames"]:
            yield f"{cls.__name__} has no page"
            continue
        number = index["docnames"].index(document)
        text = (site / f"{document}.html").read_text("utf-8")
        for name in parameters(cls):
            if not re.search(rf"<strong>[^<]*\b{name}\b", text):
                yield f"{cls.__name__}: the page does not describe {name}"
            found = index["terms"].get(stem(name.lower()), [])
            if number not in (found if isinstance(found, list) else [found]):
                yield f"{cls.__name__}: the search does not find {name}"


def main() -> None:
    """Print what is wrong with a site; exit with 1 if anything is."""
    site = Path(sys.argv[1]).resolve()
    classes = list(described())
    wrong = [*broken(site), *missing_parameters(site, classes)]
    print(*wrong, sep="\n" if wrong else "")
    print(f"{len(list(site.rglob('*.html')))} pages, {len(classes)} classes, {len(wrong)} problems")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()

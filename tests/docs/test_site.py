"""The documentation's own tools: the check of a built site, the publisher of versions, and the gallery."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest

import spikelet as sl

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CHECK = runpy.run_path(str(DOCS / "check_site.py"))
PUBLISH = runpy.run_path(str(ROOT / ".ci" / "publish_docs.py"))


def site(folder: Path, *, pages: dict[str, str], terms: dict[str, object]) -> Path:
    for name, text in pages.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    names = [name.removesuffix(".html") for name in pages]
    index = {"docnames": names, "terms": terms}
    (folder / "searchindex.js").write_text(f"Search.setIndex({json.dumps(index)})")
    return folder


def test_broken_links_are_found(tmp_path: Path) -> None:
    pages = {
        "index.html": '<a href="a/b.html#there">x</a><a href="https://example.org/none">y</a><img src="p.png" alt="p">',
        "a/b.html": '<h1 id="there"></h1><a href="../index.html">up</a>',
    }
    built = site(tmp_path, pages=pages, terms={})
    (built / "p.png").touch()
    assert list(CHECK["broken"](built)) == []
    (built / "a" / "b.html").write_text(
        '<a href="../gone.html"></a><a href="#no"></a><img src="../p.png">'
    )
    assert list(CHECK["broken"](built)) == [
        "a/b.html: picture ../p.png has no text",
        "a/b.html: #no: there is no such anchor",
        "a/b.html: ../gone.html does not exist",
        "index.html: a/b.html#there: there is no such anchor",
    ]


def test_missing_parameters_are_found(tmp_path: Path) -> None:
    stem = pytest.importorskip("sphinx.search.en").SearchEnglish({}).stem
    fields = CHECK["parameters"](sl.OneToOne)
    assert fields == ["self_connections", "multapses"]
    text = "".join(f"<dt><strong>{name}</strong></dt>" for name in fields)
    pages = {"api/spikelet.OneToOne.html": text}
    built = site(tmp_path, pages=pages, terms={stem(name): 0 for name in fields})
    assert list(CHECK["missing_parameters"](built, [sl.OneToOne])) == []
    assert list(CHECK["missing_parameters"](built, [sl.LIF])) == ["LIF has no page"]
    site(tmp_path, pages={"api/spikelet.OneToOne.html": ""}, terms={})
    wrong = list(CHECK["missing_parameters"](built, [sl.OneToOne]))
    assert len(wrong) == 2 * len(fields)


def test_the_vocabulary_is_checked() -> None:
    names = {cls.__name__ for cls in CHECK["described"]()}
    assert {"LIF", "HodgkinHuxley", "PoissonSource", "FixedIndegree", "TripletSTDP"} <= names


@pytest.mark.parametrize(
    ("ref", "folder"),
    [("main", "dev"), ("v1.2.3", "v1.2"), ("v0.7", "v0.7"), ("v1.2rc1", None), ("v1.2.0rc1", None), ("other", None)],
)  # fmt: skip
def test_folder_of_a_version(ref: str, folder: str | None) -> None:
    assert PUBLISH["folder_of"](ref) == folder


def test_versions_are_published_side_by_side(tmp_path: Path) -> None:
    html, pages = tmp_path / "html", tmp_path / "site"
    html.mkdir()
    pages.mkdir()
    for ref in ("main", "v0.9.0", "v0.10.0", "v0.10.1", "v0.11.0rc1"):
        (html / "index.html").write_text(ref)
        PUBLISH["publish"](html, pages, ref)
    assert json.loads((pages / "versions.json").read_text()) == ["v0.10", "v0.9", "dev"]
    assert (pages / "v0.10" / "index.html").read_text() == "v0.10.1"
    assert (pages / "dev" / "index.html").read_text() == "main"
    assert "url=v0.10/" in (pages / "index.html").read_text()


def test_each_example_is_in_the_gallery() -> None:
    text = (DOCS / "gallery.md").read_text("utf-8")
    for example in (ROOT / "examples").glob("*.py"):
        assert f"`examples/{example.name}`" in text
        picture = f"images/gallery/{example.stem}.png"
        assert example.name == "serve.py" or (picture in text and (DOCS / picture).is_file())


def test_each_picture_has_a_text() -> None:
    for page in DOCS.rglob("*.md"):
        for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text("utf-8")):
            assert len(alt) > 10, f"{page.relative_to(ROOT)}: {target}"

"""Add a build of the documentation to the published site: ``python .ci/publish_docs.py HTML SITE NAME``.

NAME is the branch ``main``, which goes to the folder ``dev``, or the tag of a release, ``vX.Y.Z``, which goes to ``vX.Y``; a
folder of that name is replaced. ``versions.json`` then lists the folders, newest release first, for the list in the sidebar,
and ``index.html`` leads to the newest release. Other tags, such as those of release candidates, change nothing.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

INDEX = """<!doctype html>
<meta charset="utf-8">
<title>spikelet: documentation</title>
<meta http-equiv="refresh" content="0; url={newest}/">
<p>The documentation of spikelet: {links}.</p>
"""


def folder_of(ref: str) -> str | None:
    """Return the folder for a branch or tag: v1.2.3 -> v1.2, main -> dev, and None for what is not published."""
    match = re.fullmatch(r"(v\d+\.\d+)(\.\d+)?", ref)
    return match[1] if match else "dev" if ref == "main" else None


def versions(site: Path) -> list[str]:
    """Return the folders of a site: releases, newest first, then dev."""
    names = [path.name for path in site.iterdir() if re.fullmatch(r"v\d+\.\d+", path.name)]
    names.sort(key=lambda name: [int(part) for part in name[1:].split(".")], reverse=True)
    return names + ["dev"] * (site / "dev").is_dir()


def publish(html: Path, site: Path, ref: str) -> None:
    """Copy a build into a site and list its versions, if the branch or tag is published."""
    folder = folder_of(ref)
    if folder is None:
        print(f"{ref} is neither main nor a release: nothing is published")
        return
    target = site / folder
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(html, target, ignore=shutil.ignore_patterns(".doctrees", ".buildinfo"))
    names = versions(site)
    (site / "versions.json").write_text(json.dumps(names) + "\n", encoding="utf-8")
    links = ", ".join(f'<a href="{name}/">{name}</a>' for name in names)
    (site / "index.html").write_text(INDEX.format(newest=names[0], links=links), encoding="utf-8")
    (site / ".nojekyll").touch()  # folders that begin with _ are served


if __name__ == "__main__":
    publish(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])

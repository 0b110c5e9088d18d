"""Figures of ``bench/results`` in pages: a role and a directive, both called ``measured``.

Their references are those of ``docs/figures.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

sys.path.insert(0, str(Path(__file__).parents[1]))
import figures


class FigureRole(SphinxRole):
    """One figure in a sentence."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the text of the figure."""
        self.env.note_dependency(str(figures.RESULTS / f"{self.text.partition(':')[0]}.json"))
        try:
            return [nodes.Text(figures.figure(self.text))], []
        except ValueError as error:
            return [], [self.inliner.reporter.error(str(error), line=self.lineno)]


class FiguresDirective(SphinxDirective):
    """A table of a result, with its origin and command."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[dict[str, Any]] = {
        "columns": directives.unchanged_required,
        "rows": directives.unchanged_required,
        "bare": directives.flag,
    }

    def run(self) -> list[nodes.Node]:
        """Return the nodes of the table."""
        name = self.arguments[0]
        file = name.partition("#")[0]
        self.env.note_dependency(str(figures.RESULTS / f"{file}.json"))
        chosen = {
            option: [
                word.strip() for word in self.options.get(option, "").split(";") if word.strip()
            ]
            for option in ("columns", "rows")
        }
        try:
            text = figures.markdown(figures.table(name), **chosen)
            if "bare" not in self.options:
                text += f"\n\n*Measured: {figures.origin(file)}.*\n\n```bash\n{figures.command(file)}\n```"
        except ValueError as error:
            raise self.error(str(error)) from None
        container = nodes.container(classes=["measured"])
        lines = StringList(text.splitlines(), source=self.get_source_info()[0])
        self.state.nested_parse(lines, self.content_offset, container)
        return list(container.children)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_role("measured", FigureRole())
    app.add_directive("measured", FiguresDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

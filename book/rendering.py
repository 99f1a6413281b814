"""Pages that need no network: formulas as MathML, and a check that no page fetches anything."""

from html.parser import HTMLParser
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.errors import ExtensionError

#: Delimiters that latex2mathml knows by their letter alone where a size stands before them.
_LETTERS = {r"\langle": "⟨", r"\rangle": "⟩"}
#: Tags and the attribute by which a browser fetches without being asked.
_FETCHED = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src"}
_RELATIONS = {"stylesheet", "preload", "icon", "modulepreload", "preconnect"}


def _mathml(latex: str, display: str) -> str:
    for name, letter in _LETTERS.items():
        latex = latex.replace(name, letter)
    return convert(latex, display=display)


def inline_math(translator, node) -> None:
    """Write a formula within a line."""
    translator.body.append(_mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def block_math(translator, node) -> None:
    """Write a formula on a line of its own."""
    translator.body.append(f'<div class="math-block">{_mathml(node.astext(), "block")}</div>')
    raise nodes.SkipNode


class _Fetches(HTMLParser):
    """Collects the addresses that a page fetches from elsewhere."""

    def __init__(self, page: str):
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        address = given.get(_FETCHED.get(tag, ""), "")
        if tag == "link" and not _RELATIONS & set((given.get("rel") or "").split()):
            return
        if (address or "").startswith(("http:", "https:", "//")):
            self.found.append(address)


def fetches(page: str) -> list[str]:
    """Return the addresses that a browser fetches from elsewhere to show an HTML page."""
    return _Fetches(page).found


def check_offline(app, exception) -> None:
    """Fail the build if a page needs the network."""
    if exception is None and app.builder.format == "html":
        for path in sorted(Path(app.outdir).rglob("*.html")):
            if found := fetches(path.read_text()):
                raise ExtensionError(f"{path.name} fetches {found[0]}")

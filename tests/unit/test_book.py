"""The book is made without the network, of what the code and the kept rows say."""

import importlib
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from climgru_lib import cli
from climgru_lib.contract import VARIABLES
from climgru_lib.training.recipes import RECIPES

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
PAGES_WITH_COMMANDS = ("using", "taking_along", "converting", "full_size", "extending")


def module(name: str):
    pytest.importorskip("sphinx", reason="the extra `book` is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BOOK))
        return importlib.import_module(name)


@pytest.fixture(scope="module")
def filled():
    pages = module("pages")
    return lambda name: pages.filled((BOOK / f"{name}.md").read_text())


def test_what_a_browser_would_fetch_is_found():
    page = """<link rel="stylesheet" href="_static/a.css"><link rel="canonical" href="https://a.org/">
    <link rel="preload stylesheet" href="//b.org/b.css"><script src="https://c.org/c.js"></script><script>1</script>
    <a href="https://d.org/">elsewhere</a><img src="e.png"><img alt="" src="http://f.org/f.png">"""
    assert module("rendering").fetches(page) == ["//b.org/b.css", "https://c.org/c.js", "http://f.org/f.png"]


def test_a_formula_becomes_mathml_with_its_brackets():
    found = module("rendering")._mathml(r"\Big\langle \tfrac{1}{K} x \Big\rangle_t", "block")
    assert re.search(r'<math [^>]*display="block"', found)
    assert "⟨" in found and "⟩" in found and "<mfrac" in found and "\\" not in found


def test_a_page_that_asks_for_what_there_is_not_fails():
    with pytest.raises(Exception, match="no_such_table"):
        module("pages").filled("{{ no_such_table() }}")
    with pytest.raises(ValueError, match="unpack"):
        module("pages").filled('{{ cell("recipes", "score", label="no such recipe") }}')


def test_the_command_line_reference_has_every_command_and_option(filled):
    sections = re.split(r"^## ", filled("command_line"), flags=re.M)[1:]
    found = {text.splitlines()[0]: re.findall(r"^\| `(.+?)` \|", text, re.M) for text in sections}
    assert {"climgru data make", "climgru submission score", "climgru course", "climgru splits"} <= set(found)
    assert found["climgru data make"] == ["DEST", "--months N", "--members N", "--seed N", "--grid ROWSxCOLUMNS"]
    assert r"--device auto\|cpu\|cuda" in found["climgru train"]
    assert "unseen:&lt;ssp>" in filled("command_line")  # "<ssp>" would be a tag


def test_tables_have_every_variable_recipe_and_notebook(filled):
    assert re.findall(r"^\| `(\w+)` \|", filled("data_contract"), re.M)[: len(VARIABLES)] == list(VARIABLES)
    assert re.findall(r"^## (.+)$", filled("recipes"), re.M) == list(RECIPES)
    linked = re.findall(r"^\| \[(\d\d\w?) .+?\]\(notebooks/(\w+)\.ipynb\)", filled("course"), re.M)
    assert [name for _, name in linked] == sorted(
        path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]*_*.ipynb")
    )
    assert all(name.startswith(number) for number, name in linked)


def test_the_reference_of_a_room_has_its_public_names_once():
    text = module("reference").face("data")
    for name in ("open_dataset", "prepare", "Split"):
        assert len(re.findall(rf":: climgru_lib\.data\.{name}$", text, re.M)) == 1
    of_splits = text.split("automodule:: climgru_lib.data.splits")[1].split("..")[0]
    assert {"Split", "Stretch"} <= set(re.findall(r"\w+", of_splits.partition(":exclude-members:")[2]))


def test_the_image_for_binder_has_what_the_course_needs_and_no_cuda():
    course, image = (
        yaml.safe_load((ROOT / folder / "environment.yml").read_text())["dependencies"] for folder in ("", ".binder")
    )
    left_out = re.search(r"# book\n(.*?)  - pip\n", (ROOT / "environment.yml").read_text(), re.S).group(1)
    needed = [line for line in course if isinstance(line, str) and f"- {line}\n" not in left_out]
    assert [line.replace("pytorch-cpu", "pytorch") for line in image] == needed
    assert any(line.startswith("pytorch-cpu") for line in image)


def test_a_figure_has_a_dot_for_each_seed_and_takes_the_colour_of_the_text():
    drawn = module("drawings").scores("first-final", "unseen:ssp370", "A claim")
    assert re.search(r'<svg role="img" fill="currentColor" aria-label="[^"]*A claim"', drawn)
    assert "#000000" not in drawn and "currentColor" in drawn
    assert len(re.findall(r"<use [^>]*fill-opacity: 0\.7", drawn)) == 3 + 2 * 5  # three fits, two networks
    assert all(f">{label}<" in drawn for label in ("climatology", "Conv-GRU (final)"))


def commands(text: str) -> list[str]:
    """Return the lines of code blocks that call the command, continued lines joined."""
    blocks = re.findall(r"^```(?:bash)?\n(.*?)^```", text, re.M | re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line[line.index("climgru ") :] for line in lines if re.match(r"(srun )?climgru ", line)]


@pytest.mark.parametrize(
    "path", ["README.md", "book/using.md", "book/converting.md", "book/full_size.md", "book/extending.md"]
)
def test_commands_in_text_are_accepted(path):
    found = commands((ROOT / path).read_text())
    assert found
    for line in found:
        cli._parser().parse_args(shlex.split(line, comments=True)[1:])


def test_a_notebook_keeps_the_captions_of_its_pictures_and_folds_its_solutions():
    picture = {"output_type": "display_data", "data": {"image/png": ""}, "metadata": {"image/png": {"alt": "A line."}}}
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "{{ stays }}"},
        {"cell_type": "code", "metadata": {}, "source": "draw()", "outputs": [picture]},
        {"cell_type": "code", "metadata": {"tags": ["solution"]}, "source": "42", "outputs": []},
    ]
    told = json.loads(module("pages").described(json.dumps({"cells": cells})))["cells"]
    assert told[0] == cells[0]
    assert told[1]["metadata"] == {"mystnb": {"image": {"alt": "A line."}}}
    assert told[2]["metadata"]["tags"] == ["solution", "hide-input"]

"""What people read leads somewhere: the links and the commands of the README and of docs/."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from bach_tf.cli.main import COMMANDS

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def anchors(path):
    """Return the anchors of a document's headings, as GitHub and mkdocs make them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_and_headings_that_exist(document):
    links = re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    for link in (link for link in links if "://" not in link):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def quoted_commands():
    """Yield the lines with our commands in the documents, each once."""
    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS]
    blocks = [block for text in texts for block in re.findall(r"```sh\n(.+?)```", text, re.DOTALL)]
    inline = [code for text in texts for code in re.findall(r"`([^`\n]+)`", text)]
    lines = [*"".join(blocks).splitlines(), *inline]
    commands = "|".join(COMMANDS)
    return sorted({line for line in lines if re.match(rf"bach-tf ({commands}) ", line)})


@pytest.mark.parametrize("line", quoted_commands())
def test_quoted_commands_are_understood(line):
    _, command, *arguments = shlex.split(line, comments=True)
    parser = import_module(f"bach_tf.cli.{command}").make_parser(f"bach-tf {command}")
    parser.check = None  # the files and runs of an example do not exist
    parser.parse_args(arguments)


def test_commands_are_quoted():
    assert {line.split()[1] for line in quoted_commands()} == set(COMMANDS)

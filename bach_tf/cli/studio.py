"""The command: `bach-tf studio`."""

from __future__ import annotations

import argparse

from bach_tf.cli.parser import Parser, whole
from bach_tf.cli.talk import Talk
from bach_tf.learning import runs

LOCAL = "127.0.0.1"
HOW_TO_INSTALL = "Install the extra `studio`: pip install '.[studio]' in the checkout of bach_tf."


def work(args: argparse.Namespace, talk: Talk) -> int:
    """Serve the studio until Ctrl-C.

    Raises:
        ValueError: if the run, the address or the extra `studio` is missing.
    """
    try:
        from bach_tf.studio import serving
    except ImportError as error:
        raise ValueError(f"The studio needs more packages ({error}). {HOW_TO_INSTALL}") from None
    run = _name_of(args.run)
    bound = serving.bind(args.host, args.port)
    url = serving.address(bound, args.host)

    def begin() -> None:
        talk.say(f"The studio is at {url} until Ctrl-C.")
        if args.host not in (LOCAL, "localhost", "::1"):
            talk.say("Whoever reaches this machine can use it: it asks for no password.")
        if not args.no_open:
            serving.open_browser(url)

    serving.serve(bound, args.host, run, begin)
    return 0


def _name_of(run: str | None) -> str:
    """Return the name of a run that the page can offer.

    Raises:
        ValueError: if there is no such run, or it is not in `tb_logs`.
    """
    folder = runs.find_run(run or runs.SHIPPED)
    if folder == runs.find_run(runs.SHIPPED):
        return runs.SHIPPED
    if folder.resolve() not in [each.resolve() for each in runs.list_runs()]:
        raise ValueError(f"Expected a run in {runs.RUNS}, as the page shows those, got: {folder}")
    return folder.name


def make_parser(program: str) -> Parser:
    """Return the parser for the command's arguments."""
    parser = Parser(
        prog=program,
        usage="%(prog)s [options]",
        description="Write, hear and harmonize music in the browser, on this machine.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("--run", metavar="NAME", help="run that is loaded first (default: pretrained)")
    about = "address to listen to (default: 127.0.0.1, this machine alone)"
    add("--host", default=LOCAL, metavar="NAME", help=about)
    about = "port (default: 1685, or the next that is free)"
    add("--port", type=whole(0, 65535), metavar="N", help=about)
    add("--no-open", action="store_true", help="open no browser")
    return parser


EXAMPLES = """\
examples:
  %(prog)s --no-open
  %(prog)s --run chorale-1 --no-open --port 8000
"""

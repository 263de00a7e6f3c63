"""The report of `bach-tf harmonize` on the versions it wrote."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bach_tf.cli.pieces import ABSENT, Pieces, piece_record
from bach_tf.cli.talk import Talk
from bach_tf.composing.outlines import Outline
from bach_tf.formats.rendition import Rendition
from bach_tf.measuring.versions import recommended, version_record

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bach_tf.codecs import Codec
    from bach_tf.composing.harmonizing import Version
    from bach_tf.formats.files import Written

CAPTION = """\
nats: per token, less is likelier. grade: distance from Bach's chorales, 0 is best.
parallels: fifths and octaves. leading: doubled leading notes.
rules: notes that they changed. In brackets: given."""


class Versions(Pieces):
    """The versions of a call so far.

    Args:
        wanted: number of versions.
        outline: the given notes.
        rendition: the rendition, for the tempo.
    """

    def __init__(self, wanted: int, outline: Outline, rendition: Rendition):
        super().__init__(wanted)
        self.outline = outline
        self.rendition = rendition

    def add_version(self, version: Version, files: Written, codec: Codec) -> None:
        """Record a version.

        Args:
            version: a version from `harmonizing.harmonize`.
            files: the written files, and errors.
            codec: the run's codec.

        Raises:
            ValueError: if no file of the version could be written, for example on a full disk.
        """
        plain = replace(version.score, parts=())  # whose names may be of other voices
        record = piece_record(plain, files.paths, codec, self.rendition, ended=True)
        for voice, is_given in zip(record["voices"], self.outline.is_given):
            voice["given"] = is_given
        about = version_record(
            version.grid, version.nats, self.outline.tonic, self.outline.is_given
        )
        about |= {"given_nats": version.given_nats, "interventions": version.interventions}
        self.add_record(version.grid.tobytes(), files, {**record, **about})

    def report(self, about: dict[str, Any], talk: Talk) -> None:
        """Report all versions and the recommended one.

        Args:
            about: the run and the seed.
            talk: the output.

        Raises:
            ValueError: if a format of a piece could not be written.
        """
        record = {**about, "shift": self.outline.shift, "remarks": list(self.outline.remarks)}
        record |= self.record()
        record["recommended"], record["why"] = recommended(record["pieces"])
        self.tell(record, talk, versions_table)


def versions_table(record: dict) -> RenderableType:
    """Return a table with a row for each version, and its legend.

    Args:
        record: the record of the command, with `pieces`, `recommended` and `why`.
    """
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    pieces = record["pieces"]
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("version", no_wrap=True)
    for heading in ("nats", "grade", "parallels", "leading", "rules"):
        table.add_column(heading, justify="right")
    table.add_column("end")
    for voice in pieces[0]["voices"]:
        table.add_column(voice["name"])
    for number, piece in enumerate(pieces, start=1):
        counts = piece["faults"]
        star = "*" if number == record["recommended"] and len(pieces) > 1 else ""
        table.add_row(
            Path(piece["files"][0]).stem + star,
            f"{piece['nats_per_token']:.3f}",
            f"{piece['grade']:.1f}",
            f"{counts['parallel_fifths']}+{counts['parallel_octaves']}",
            str(counts["doubled_leading_notes"]),
            str(piece["interventions"]),
            "away" if counts["no_cadence"] else "tonic",
            *map(_range, piece["voices"]),
        )
    chosen = Path(pieces[record["recommended"] - 1]["files"][0]).stem
    choice = f"Recommended: {chosen} ({record['why']})." if len(pieces) > 1 else ""
    caption = Text(CAPTION, style="dim")
    return Group(table, caption, Text(choice)) if choice else Group(table, caption)


def _range(voice: dict) -> str:
    if voice["lowest"] is None:
        return ABSENT
    named = f"{voice['lowest']}-{voice['highest']}"
    return f"({named})" if voice["given"] else named

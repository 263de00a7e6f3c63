"""Small files that ask for much: deep, repeating and self-describing ones, for each format."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Callable
from random import Random

DEEP = (2, 20, 64, 65, 200, 5_000, 50_000)
ZEROS = bytes(60_000_000)  # packs into 60 kB


def bomb(random: Random, content: bytes, suffix: str) -> bytes:
    """Return a file of a format that unfolds when it is read.

    Args:
        random: its state chooses among the kinds of bombs and their sizes.
        content: of an intact file.
        suffix: of its name.
    """
    make = random.choice(BOMBS[suffix])
    return make(random, content)


def _xml_deep(random: Random, content: bytes) -> bytes:
    depth = random.choice(DEEP)
    tag = random.choice((b"note", b"measure", b"a", b"part"))
    place = content.find(b"<measure") if random.random() < 0.5 else content.find(b"<note")
    middle = b"<%s>" % tag * depth + b"</%s>" % tag * (depth if random.random() < 0.7 else 0)
    return content[:place] + middle + content[place:]


def _xml_entities(random: Random, content: bytes) -> bytes:
    lines = [b'<!ENTITY e0 "lol">']
    for level in range(1, random.randrange(2, 12)):
        lines.append(b'<!ENTITY e%d "%s">' % (level, b"&e%d;" % (level - 1) * 10))
    outside = random.choice((
        b"", b'<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;',
        b'<!ENTITY x SYSTEM "file:///etc/passwd">', b'<!ENTITY x SYSTEM "http://127.0.0.1:9/x">',
    ))  # fmt: skip
    used = random.choice((b"&e%d;" % (len(lines) - 1), b"&x;"))
    kind = b"<!DOCTYPE score-partwise [" + b"\n".join((*lines, outside)) + b"]>"
    body = content[content.find(b"<score-partwise") :]
    return b'<?xml version="1.0"?>' + kind + body.replace(b"<step>", b"<step>" + used, 1)


def _xml_doubled(random: Random, content: bytes) -> bytes:
    """Return a score with measures many times, which may begin and end repeats."""
    start, end = content.find(b"<measure"), content.find(b"</part>")
    barlines = (
        b'<barline location="left"><repeat direction="forward"/></barline>',
        b'<barline location="right"><repeat direction="backward" times="%d"/></barline>'
        % random.choice((2, 1000, 10**9)),
    )
    measure = b"<measure number='1'>" + random.choice(barlines) + random.choice(barlines)
    measure += content[start:end].split(b">", 1)[1].split(b"</measure>")[0] + b"</measure>"
    return content[:start] + measure * random.choice((2, 10, 200)) + content[start:]


def _zip_of(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, inside in members.items():
            archive.writestr(zipfile.ZipInfo(name), inside, method)
    return packed.getvalue()


def _zip_nested(random: Random, content: bytes) -> bytes:
    name = random.choice(("a.musicxml", "a.mxl", "notes.npy", "train/a.csv"))
    for _ in range(random.choice((1, 2, 5, 30))):
        content = _zip_of({name: content})
    return content


def _zip_bomb(random: Random, content: bytes) -> bytes:
    method = random.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    size = random.choice((1_000, 1_000_000, 60_000_000 if random.random() < 0.02 else 3_000_000))
    name = random.choice(("a.musicxml", "notes.npy", "META-INF/container.xml"))
    packed = _zip_of({name: memoryview(ZEROS)[:size].tobytes()}, method)
    if random.random() < 0.5:  # one that declares less than it holds
        packed = packed.replace(struct.pack("<I", size), struct.pack("<I", random.choice((1, 999))))
    return packed


def _zip_names(random: Random, content: bytes) -> bytes:
    odd = ("../../a.xml", "/etc/a.xml", "C:\\a.xml", "a" * 9000 + ".xml", "a\0.xml", "\udcff.xml")
    names = [random.choice(odd[:5]) for _ in range(random.choice((1, 3)))]
    members = dict.fromkeys(names, content)
    if random.random() < 0.2:
        members |= {f"{number}.xml": b"" for number in range(random.choice((10, 1_100)))}
    return _zip_of(members)


def _npy(random: Random, content: bytes) -> bytes:
    shape = random.choice((
        "(1000000000000, 4)", "(4294967296, 4294967296)", "(-1, 4)", "(0, 4)", "(8, 4)", "(16,)",
        "(2,)*3", "(True, 4)", "(1e3, 4)", "(" * 300 + ")" * 300, "(1," * 90 + ")" * 90,
    ))  # fmt: skip
    kind = random.choice(("'|u1'", "'|O'", "'<f8'", "'<U1000000000'", "[('a', '|O')]", "'|V0'"))
    text = f"{{'descr': {kind}, 'fortran_order': {random.choice('01')}, 'shape': {shape}, }}"
    header = text.encode().ljust(random.choice((118, 4096))) + b"\n"
    size = len(header) if random.random() < 0.8 else 65_535
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", size) + header + bytes(random.choice((0, 32)))
    return _zip_of({"notes.npy": array})


def _json_deep(random: Random, content: bytes) -> bytes:
    depth, (left, right) = random.choice(DEEP), random.choice((b"[]", b'{"a":|}'.split(b"|")))
    left, right = (bytes([left]), bytes([right])) if isinstance(left, int) else (left, right)
    value = left * depth + b"1" + right * depth
    if random.random() < 0.3:
        return value
    places = [place for place in range(len(content)) if content[place : place + 2] == b": "]
    place = random.choice(places or [0]) + 2
    end = min(end for end in (content.find(b",", place), len(content)) if end >= 0)
    return content[:place] + value + content[end:]


def _json_other(random: Random, content: bytes) -> bytes:
    """Return settings in which one value is of another kind."""
    settings = json.loads(content)
    values = (None, True, -1, 1.5, 10**30, float("nan"), "", "a" * 99_999, [], {}, [[]], {"": 0})
    _change_one(random, settings, random.choice(values))
    return json.dumps(settings).encode()


def _change_one(random: Random, where, value) -> None:
    keys = list(where) if isinstance(where, dict) else range(len(where))
    if not keys:
        return
    key = random.choice(keys)
    inner = where[key]
    if isinstance(inner, dict | list) and inner and random.random() < 0.8:
        _change_one(random, inner, value)
    else:
        where[key] = value


def _midi_tracks(random: Random, content: bytes) -> bytes:
    """Return a file with many tracks, of a huge division, or notes very far apart."""
    first = content.find(b"MTrk")
    track = content[first:] if random.random() < 0.5 else b"MTrk\0\0\0\x04\0\xff\x2f\0"
    many = random.choice((2, 20, 20, 2_000 if len(track) < 99 else 60))
    return content[:10] + struct.pack(">H", min(many, 65535)) + content[12:14] + track * many


def _midi_far(random: Random, content: bytes) -> bytes:
    far = b"\xff\xff\xff\x7f"
    events = b"\0\x90\x3c\x40" + far * 1 + b"\x80\x3c\0"
    meta = b"".join(
        far + random.choice((b"\xff\x51\x03\0\0\1", b"\xff\x58\4\xff\0\x18\x08", b"\xff\x59\2\7\0"))
        for _ in range(random.choice((1, 5, 20, 20, 500)))
    )
    sounding = events * random.choice((1, 5, 30, 30, 500))
    body = random.choice((meta + sounding, sounding + meta)) + b"\0\xff\x2f\0"
    division = random.choice((1, 24, 480, 32767, 0, 0xE728))
    head = b"MThd\0\0\0\x06\0\0\0\1" + struct.pack(">H", division)
    return head + b"MTrk" + struct.pack(">I", len(body)) + body


def _midi_riff(random: Random, content: bytes) -> bytes:
    for _ in range(random.choice((1, 2, 50))):
        inside = b"RMID" + b"data" + struct.pack("<I", len(content)) + content
        content = b"RIFF" + struct.pack("<I", len(inside)) + inside
    return content


def _kern_spines(random: Random, content: bytes) -> bytes:
    """Return spines that split again and again, and may join again."""
    lines, spines = [b"**kern"], 1
    for _ in range(random.choice((2, 8, 12, 16))):
        lines.append(b"\t".join([b"*^"] * spines))
        spines *= 2
    lines.append(b"\t".join([random.choice((b"4c", b"4c 4e 4g", b"."))] * spines))
    if random.random() < 0.5:
        lines.append(b"\t".join([b"*v"] * spines))
    return b"\n".join((*lines, content if random.random() < 0.5 else b"*-"))


def _kern_sections(random: Random, content: bytes) -> bytes:
    labels = b",".join([random.choice((b"A", b"B"))] * random.choice((2, 100, 20_000)))
    lines = content.splitlines()
    width = lines[max(0, content[: content.find(b"**")].count(b"\n"))].count(b"\t") + 1
    order = b"\t".join([b"*>[" + labels + b"]"] * width)
    label = b"\t".join([b"*>A"] * width)
    return b"\n".join((*lines[:3], order, label, *lines[3:]))


def _abc_parts(random: Random, content: bytes) -> bytes:
    order = b"A"
    for _ in range(random.choice((1, 3, 8, 30))):
        order = b"(" + order * random.choice((1, 2)) + b")" + random.choice((b"9", b"99", b""))
    head, _, tune = content.partition(b"K:")
    line, _, tune = tune.partition(b"\n")
    return head + b"P:" + order + b"\nK:" + line + b"\nP:A\n" + tune


def _abc_repeats(random: Random, content: bytes) -> bytes:
    one = random.choice(
        (b"|: C", b"C :|", b"|::::: C", b":::::|", b"(9:9:9", b"{", b"[", b"(", b"[V:1]")
    )
    return content + one * random.choice((2, 10, 30, 200)) + b"|\n"


def _csv_cells(random: Random, content: bytes) -> bytes:
    cell = random.choice((b'"', b'""', b",", b"\n", b"\r", b"60", b"0,"))
    return content + cell * random.choice((3, 30, 1_000, 20_000)) + b"\n"


def _tar_of(random: Random, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=random.choice(("w", "w:gz"))) as tar:
        for _ in range(random.choice((1, 3, 30))):
            names = ("a.mid", "../a.mid", "/tmp/fuzz.mid", "a/../../b.mid", "a\\..\\b", "a" * 300)
            info = tarfile.TarInfo(random.choice(names))
            info.type = random.choice((b"0", b"0", b"1", b"2", b"3", b"5", b"6"))
            info.linkname = random.choice(("/etc/passwd", "../b", "a.mid"))
            info.size = min(len(content), random.choice((0, 9, 500)))
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def _hdf5(random: Random, content: bytes) -> bytes:
    """Return a weight file inside of another one, or twice."""
    return random.choice((content + content, content[:512] + content, content[8:], b"\x89HDF" * 99))


_SETTINGS = (_json_deep, _json_other)
_ZIPS = (_zip_nested, _zip_bomb, _zip_names)
BOMBS: dict[str, tuple[Callable[[Random, bytes], bytes], ...]] = {
    ".mid": (_midi_tracks, _midi_far, _midi_riff),
    ".rmi": (_midi_riff,),
    ".musicxml": (_xml_deep, _xml_entities, _xml_doubled),
    ".mxl": (*_ZIPS,),
    ".krn": (_kern_spines, _kern_sections),
    ".abc": (_abc_parts, _abc_repeats),
    ".csv": (_csv_cells,),
    ".json": _SETTINGS,
    ".npz": (*_ZIPS, _npy),
    ".zip": _ZIPS,
    ".tar": (_tar_of, _zip_nested),
    ".h5": (_hdf5,),
    ".onnx": (_hdf5, _zip_nested),
    "": (_csv_cells,),
}

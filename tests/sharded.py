"""A small folder of shards, as the pipeline writes it, made without Beam."""

import hashlib
import json

from bach_tf.codecs import SatbCodec
from bach_tf.corpora.scale.shards import FORMAT, MANIFEST, pack_shard, shard_name
from bach_tf.score import Score


def line(number):
    """Return a piece of four voices, of another length for each number."""
    grid = [[72 - number % 3, 67, 60, 48], [71, 67, 62, 43]] * (2 + number)
    return Score.from_grid(grid, title=f"p{number}")


def fill(folder, shards=4, pieces=18):
    """Write a folder of shards; return its path."""
    codec = SatbCodec(36, 84)
    splits = {}
    for split, count, first in (("train", shards, 0), ("valid", 2, 40), ("test", 1, 60)):
        files = splits[split] = []
        for number in range(count):
            mine = range(first + number, first + (pieces if split == "train" else 4), count)
            content = pack_shard((f"p{each}", codec.encode(line(each))) for each in mine)
            name = shard_name(split, number, count)
            (folder / name).write_bytes(content)
            tokens = sum(codec.encode(line(each)).size for each in mine)
            digest = hashlib.sha256(content).hexdigest()
            files.append({"file": name, "sha256": digest, "pieces": len(mine), "tokens": tokens})
    music = {"corpus": "folder", "codec": "satb", "encoding": {}, "transpose": [-5, 6]}
    codec = {"name": "satb", **codec.to_config()}
    manifest = {"format": FORMAT, "music": music, "codec": codec, "splits": splits}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder

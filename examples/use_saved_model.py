"""Write a piece with an exported model: TensorFlow and the standard library, nothing of bach_tf.

python examples/use_saved_model.py exported/NAME piece.mid SEED
"""

import json
import sys
from pathlib import Path

if len(sys.argv) != 4 or not Path(sys.argv[1], "assets", "tokens.json").is_file():
    print("Usage: use_saved_model.py exported/NAME piece.mid SEED", file=sys.stderr)
    sys.exit(2)

import tensorflow as tf

folder, file, seed = sys.argv[1:]
about = json.loads(Path(folder, "assets", "tokens.json").read_text(encoding="utf-8"))
generate = tf.saved_model.load(folder).signatures["generate"]
ids = generate(**about["defaults"], seed=int(seed))["ids"].numpy()[0].tolist()
music = ids[1 + about["opening"] : [*ids, about["end"]].index(about["end"])]

# Notes [onset, end, pitch, velocity, voice], by the rules of "reading" in tokens.json.
now, velocity, notes, sounding = 0, about["velocity"], [], {}
for place, number in enumerate(music):
    token, voice = about["tokens"][number], place % len(about["voices"])
    now, velocity = now + token.get("wait", 0), token.get("velocity", velocity)
    struck, released = token.get("strike", []), token.get("release", [])
    if not (about["legato"] and any((voice, pitch) in sounding for pitch in struck)):
        for key in [key for key in sounding if key[0] == voice]:
            if released == "voice" or key[1] in released:
                note = sounding.pop(key)
                note[1] = min(note[1] or now, now)
        for pitch in struck:
            sounding[voice, pitch] = [now, None, pitch, velocity, voice]
            notes.append(sounding[voice, pitch])
    for note in sounding.values() if "duration" in token else []:
        note[1] = note[1] or note[0] + token["duration"]
    now += about["steps_after"][voice]

# A MIDI file of one track: delta times in three bytes; velocity 0 releases a key.
notes = [[onset, end or now, *rest] for onset, end, *rest in notes if (end or now) > onset]
keys = [(onset, velocity, pitch, voice) for onset, _, pitch, velocity, voice in notes]
keys += [(end, 0, pitch, voice) for _, end, pitch, _, voice in notes]
track = b"\0\xff\x51\x03" + int(6e7 / about["tempo_qpm"]).to_bytes(3, "big")
track += b"".join(bytes([0, 0xC0 | v, about["program"]]) for v in range(len(about["voices"])))
before = 0
for step, velocity, pitch, voice in sorted(keys):
    delta, before = step - before, step
    track += bytes([128 | delta >> 14, 128 | delta >> 7 & 127, delta & 127])
    track += bytes([0x90 | voice, pitch, velocity])
track += b"\0\xff\x2f\0"
header = b"MThd\0\0\0\x06\0\0\0\x01" + about["steps_per_quarter"].to_bytes(2, "big")
Path(file).write_bytes(header + b"MTrk" + len(track).to_bytes(4, "big") + track)
print(f"{file}: {len(notes)} notes of {len(music)} ids, seed {seed}")

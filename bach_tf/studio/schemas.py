"""JSON schemas (draft 2020-12) of what the studio's HTTP API takes and gives.

The bounds are those of `bach_tf.studio.tasks`, which the server's process does not import: a test
compares them.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

MOST_STEPS = 1_000_000  # of a piece
MOST_STEPS_PER_QUARTER = 8_191
MOST_NOTES = 50_000
MOST_PLACES = 10_000  # of tempi, metres and so on
MOST_BARS = 64  # of 4/4, of a piece for a model
MOST_VERSIONS = 8
MOST_PARTICLES = 128
KINDS = ("harmonize", "rewrite", "continue", "generate")
FORMATS = ("mid", "wav", "opus", "musicxml", "svg", "pdf", "png", "csv")
SOUNDS = ("wav", "opus")
VOICES = ("soprano", "alto", "tenor", "bass")


def ref(name: str) -> Schema:
    """Return a reference to a schema of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def whole(low: int | None = None, high: int | None = None, **about: Any) -> Schema:
    """Return the schema of a whole number."""
    bounds = {"minimum": low, "maximum": high}
    return {"type": "integer", **{k: v for k, v in bounds.items() if v is not None}, **about}


def either(schema: Schema) -> Schema:
    """Return the schema of something that may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def rows(*columns: Schema, fewest: int | None = None, most: int, about: str) -> Schema:
    """Return the schema of a list of rows with these columns; `fewest` may be left out of a row."""
    row = {
        "type": "array",
        "prefixItems": list(columns),
        "items": False,
        "minItems": len(columns) if fewest is None else fewest,
    }
    return {"type": "array", "items": row, "maxItems": most, "description": about}


def closed(required: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    """Return the schema of an object that has no other fields."""
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**found, "required": list(required)} if required else found


STEP = whole(0, MOST_STEPS)
PITCH = whole(0, 127)
VOICE = whole(0, 255)
SHARPS = whole(-7, 7)
ABOVE_0: Schema = {"type": "number", "exclusiveMinimum": 0}
TEXT: Schema = {"type": "string"}

PART = closed(
    name=TEXT,
    program=either(PITCH | {"description": "General MIDI program; null for the usual one"}),
    volume=either(PITCH),
    pan=either(PITCH | {"description": "0 is left, 127 right"}),
)
PIECE_FIELDS: dict[str, Schema] = {
    "title": TEXT,
    "timing": {
        "enum": ["beats", "seconds"],
        "description": "What the grid subdivides. A performance is in seconds: it has no bars.",
        "default": "beats",
    },
    "steps_per_quarter": whole(
        1, MOST_STEPS_PER_QUARTER, description="4 is a grid of sixteenths", default=4
    ),
    "length": STEP | {"description": "In steps, with the final rest; by default, to the last note"},
    "upbeat": whole(0, description="Steps before the first bar line", default=0),
    "key_signature": either(SHARPS | {"description": "Sharps, or negative: flats"}),
    "key_changes": rows(STEP, SHARPS, most=MOST_PLACES, about="Step and sharps"),
    "tempi": rows(STEP, ABOVE_0, most=MOST_PLACES, about="Step and quarter notes per minute"),
    "metres": rows(
        STEP,
        whole(1),
        whole(1),
        most=MOST_PLACES,
        about="Step, beats per bar, note value of a beat",
    ),
    "fermatas": {"type": "array", "items": STEP, "maxItems": MOST_PLACES},
    "pedals": rows(STEP, STEP, VOICE, most=MOST_PLACES, about="First step, end and voice"),
    "parts": {
        "type": "array",
        "items": ref("Part"),
        "maxItems": 256,
        "description": "Of the voices, the highest first",
    },
    "notes": rows(
        STEP,
        whole(1, MOST_STEPS),
        PITCH,
        VOICE,
        whole(1, 127),
        fewest=4,
        most=MOST_NOTES,
        about="Onset, duration, MIDI pitch, voice (0 is the highest), and velocity, 80 if left out",
    ),
}
SPANS = rows(STEP, STEP, VOICE, most=MOST_PLACES, about="First step, end and voice of given notes")
FAULT_NAMES = (
    "parallel_fifths",
    "parallel_octaves",
    "doubled_leading_notes",
    "crossings",
    "out_of_range",
    "no_cadence",
)
FAULTS = closed(FAULT_NAMES, **dict.fromkeys(FAULT_NAMES, whole(0)))
PARALLEL = closed(
    ("kind", "voices", "start", "step"),
    kind={"enum": ["fifth", "octave"], "description": "An octave may be a unison."},
    voices={"type": "array", "items": VOICE, "minItems": 2, "maxItems": 2},
    start=STEP | {"description": "Where both notes of the first interval sound"},
    step=STEP | {"description": "Of the second interval"},
)
NUMBER: Schema = {"type": "number"}
FACTS = {
    **closed(
        nats_per_token=either(
            NUMBER | {"description": "Negative log-likelihood; null if no model was asked"}
        ),
        grade=either(
            NUMBER | {"description": "Distance from Bach's chorales; null unless of four voices"}
        ),
        faults=ref("Faults"),
        parallels={"type": "array", "items": ref("Parallel")},
        recommended={"type": "boolean", "description": "Whether it is the one to take"},
        nats=NUMBER,
        given_nats=NUMBER,
        cost=NUMBER | {"description": "The nats, and what the faults cost"},
        interventions=whole(0, description="Notes that a rule has changed"),
    ),
    "description": "What is measured of a piece; fields that cannot be are left out.",
}
VERSION = closed(
    ("piece", "given", "facts", "seed"),
    piece=ref("WholePiece"),
    given=SPANS,
    facts=ref("Facts"),
    seed=whole(0, description="With which the job gives the same versions again"),
)
VERSIONS = {"type": "array", "items": ref("Version"), "minItems": 1, "maxItems": MOST_VERSIONS}

BARS = whole(1, MOST_BARS, default=8)
MODEL_FIELDS: dict[str, Schema] = {
    "run": TEXT | {"description": "One of GET /api/runs", "default": "pretrained"},
    "num_outputs": whole(1, MOST_VERSIONS, default=1, description="Number of versions"),
    "temperature": NUMBER
    | {
        "minimum": 0,
        "description": "Higher is more daring; the run's own if it is left out",
    },
    "candidates": whole(1, MOST_VERSIONS, default=1, description="From which each is chosen"),
    "rules": TEXT
    | {
        "description": 'Rules for new notes, such as "parallels,range", or "none"; the run\'s own '
        "if it is left out"
    },
    "seed": whole(0, description="The same seed gives the same versions; random by default"),
    "particles": whole(
        1,
        MOST_PARTICLES,
        default=32,
        description="Parallel attempts for a version with given notes",
    ),
}
GIVEN_FIELDS: dict[str, Schema] = {
    "piece": ref("Piece"),
    "melody": {"enum": list(VOICES), "default": "soprano", "description": "Voice of a single line"},
    "keep": {
        "type": "array",
        "items": TEXT,
        "description": 'Voices to keep, such as "bass", or "bass:5-8" for some bars',
    },
    "rewrite": TEXT | {"description": 'Bars to write anew, such as "5-6" or "3,7-8"'},
    "key": TEXT | {"description": 'Of the end too, such as "g minor"; an estimate by default'},
}


def _optional(fields: dict[str, Schema], *required: str) -> Schema:
    """Return the schema of a request of which all other fields may be null or left out."""
    return closed(
        required,
        **{name: each if name in required else either(each) for name, each in fields.items()},
    )


SCHEMAS: dict[str, Schema] = {
    "Part": PART,
    "Piece": {
        **closed(**PIECE_FIELDS),
        "description": "The fields of bach_tf.score.Score, with the notes in rows.",
    },
    "WholePiece": {"allOf": [ref("Piece")], "required": list(PIECE_FIELDS)},
    "Faults": FAULTS,
    "Parallel": PARALLEL,
    "Facts": FACTS,
    "Version": VERSION,
    "Run": closed(
        ("name", "preset", "corpus", "can", "temperature"),
        name=TEXT,
        preset=TEXT,
        corpus=TEXT,
        can={"type": "array", "items": {"enum": list(KINDS)}},
        temperature=NUMBER | {"description": "At which it samples by default"},
    ),
    "ReadAnswer": closed(
        ("piece", "warnings", "tunes"),
        piece=ref("WholePiece"),
        warnings={"type": "array", "items": TEXT},
        tunes=whole(1, description="Number of pieces in the file"),
    ),
    "EngraveRequest": _optional(
        {
            "piece": ref("Piece"),
            "given": SPANS,
            "layout": {
                "enum": ["parts", "closed"],
                "default": "parts",
                "description": "A staff for each voice, or two staves for four voices",
            },
            "width": whole(10, description="Of the picture in pixels", default=1000),
            "scale": whole(10, 200, description="Of the music in percent", default=44),
        },
        "piece",
    ),
    "EngraveAnswer": closed(
        ("svg", "measures", "notes", "seconds"),
        svg=TEXT | {"description": "One tall picture"},
        measures={
            "type": "array",
            "description": "The bars in order, by the ids of their elements",
            "items": closed(("id",), id=TEXT),
        },
        notes={
            "type": "object",
            "description": "Onset of the note, voice and pitch, by the id of each head",
            "additionalProperties": {
                "type": "array",
                "prefixItems": [STEP, VOICE, PITCH],
                "items": False,
                "minItems": 3,
            },
        },
        seconds=rows(
            STEP,
            NUMBER | {"minimum": 0},
            most=MOST_PLACES + 1,
            about="Step and seconds; between two rows time is linear",
        ),
    ),
    "SoundRequest": _optional(
        {
            "piece": ref("Piece"),
            "voice": VOICE | {"description": "All if it is left out"},
            "format": {"enum": list(SOUNDS), "default": "wav"},
        },
        "piece",
    ),
    "ExportRequest": _optional(
        {
            "piece": ref("Piece"),
            "given": SPANS,
            "format": {"enum": list(FORMATS), "default": "mid"},
        },
        "piece",
    ),
    "MeasureRequest": closed(("piece",), piece=ref("Piece")),
    "HarmonizeRequest": _optional(MODEL_FIELDS | GIVEN_FIELDS, "piece"),
    "RewriteRequest": _optional(MODEL_FIELDS | GIVEN_FIELDS, "piece", "rewrite"),
    "ContinueRequest": _optional(
        MODEL_FIELDS
        | {"piece": ref("Piece"), "bars": BARS | {"description": "Bars of 4/4 to add"}},
        "piece",
    ),
    "GenerateRequest": _optional(
        MODEL_FIELDS
        | {
            "bars": BARS | {"description": "Length in bars of 4/4"},
            "metre": TEXT | {"description": 'Such as "3/4", of runs with metres of their own'},
        }
    ),
    "JobAnswer": closed(("versions",), versions=VERSIONS, state={"const": "done"}),
    "State": {
        "description": "A line of the answer to a job. The last is done or failed.",
        "oneOf": [
            closed(("state", "place"), state={"const": "queued"}, place=whole(1)),
            closed(
                ("state", "done"),
                state={"const": "running"},
                done=NUMBER | {"minimum": 0, "maximum": 1},
            ),
            closed(("state", "versions"), state={"const": "done"}, versions=VERSIONS),
            closed(("state", "error"), state={"const": "failed"}, error=TEXT),
        ],
    },
    "Error": closed(("error",), error=TEXT | {"description": "A sentence for people"}),
    "BusyError": closed(
        ("error",),
        error=TEXT,
        place=whole(1, description="That the request would have had in the queue"),
    ),
    "Status": closed(
        ("ready", "run", "loading", "error", "queue", "version"),
        ready={"type": "boolean", "description": "Whether the model has been loaded"},
        run=TEXT | {"description": "Of a request that names none"},
        loading=either(TEXT | {"description": "The run that is being loaded"}),
        error=either(TEXT | {"description": "Why the model cannot be loaded"}),
        queue=whole(0, description="Number of jobs that wait or run"),
        version=TEXT,
    ),
}

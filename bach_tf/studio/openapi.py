"""The OpenAPI description of the studio's HTTP API, as data."""

from __future__ import annotations

from typing import Any

from bach_tf.studio.schemas import KINDS, MOST_BARS, SCHEMAS, Schema, ref

JSON, LINES = "application/json", "application/x-ndjson"
MEDIA_TYPES = (
    "audio/midi",
    "audio/wav",
    "audio/ogg",
    "application/vnd.recordare.musicxml+xml",
    "image/svg+xml",
    "application/pdf",
    "image/png",
    "text/csv",
)
TUNE: dict[str, Any] = {
    "notes": [[0, 4, 67, 0], [4, 4, 69, 0], [8, 4, 71, 0], [12, 4, 72, 0]],
    "length": 16,
}
SUMMARIES = {
    "harmonize": "Write the missing voices of a melody or a piece",
    "rewrite": "Write some bars of a piece anew",
    "continue": "Write how a piece goes on",
    "generate": "Write a new piece",
}
EXAMPLES: dict[str, dict[str, Any]] = {
    "harmonize": {"piece": TUNE, "num_outputs": 2, "seed": 1},
    "rewrite": {"piece": TUNE, "rewrite": "1", "keep": ["soprano"], "seed": 1},
    "continue": {"piece": TUNE, "bars": 2, "seed": 1},
    "generate": {"bars": 4, "seed": 1},
}
ERRORS = {
    "400": ("The request has something wrong in it", "Error"),
    "403": ("A page of another site, or another host name, has sent it", "Error"),
    "408": ("The request did not arrive in time", "Error"),
    "413": ("The request is too large", "Error"),
    "500": ("A worker has failed, or took too long; it is started again", "Error"),
    "503": ("Too many requests wait: try again after Retry-After", "BusyError"),
}
RETRY_AFTER = {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}}


def description(version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of the HTTP API.

    Args:
        version: of bach_tf.

    Example:
        >>> sorted(description("1.0")["paths"])[:3]
        ['/api/continue', '/api/engrave', '/api/export']
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The studio of bach_tf",
            "version": version,
            "description": "Reads, engraves, plays, measures and writes music, on this machine.",
        },
        "servers": [{"url": "/"}],
        "paths": {**_answered(), **_files(), **{f"/api/{kind}": _job(kind) for kind in KINDS}},
        "components": {"schemas": SCHEMAS, "responses": _errors()},
    }


def _answered() -> dict[str, Any]:
    """Return the paths that answer with JSON."""
    runs = {"type": "array", "items": ref("Run")}
    return {
        "/api/status": {"get": _operation("status", "Whether the model is ready", ref("Status"))},
        "/api/runs": {"get": _operation("runs", "The runs that can be used", runs)},
        "/api/openapi.json": {
            "get": _operation("openapi", "This description", {"type": "object"}),
        },
        "/api/read": {"post": _read()},
        "/api/engrave": _asked("engrave", "Engrave a piece as SVG", ref("EngraveAnswer")),
        "/api/measure": _asked("measure", "Measure the part-writing of a piece", ref("Facts")),
    }


def _files() -> dict[str, Any]:
    """Return the paths that answer with a file."""
    binary: Schema = {"type": "string", "format": "binary"}
    export = _asked("export", "Write a piece as a file", binary, *MEDIA_TYPES)
    export["post"]["responses"]["200"]["headers"] = {
        "Content-Disposition": {
            "description": "attachment, with the file's name",
            "schema": {"type": "string"},
        }
    }
    sound = _asked("sound", "Play a piece, or one of its voices", binary, "audio/wav", "audio/ogg")
    return {"/api/export": export, "/api/sound": sound}


def _read() -> dict[str, Any]:
    """Return the operation that reads a file."""
    name = {
        "name": "name",
        "in": "query",
        "required": True,
        "description": "Of the file; its ending determines the format",
        "schema": {"type": "string", "minLength": 1},
    }
    tune = {
        "name": "tune",
        "in": "query",
        "description": "Number of a tune in a tune book; by default, the first",
        "schema": {"type": "integer", "minimum": 0},
    }
    operation = _operation("read", "Read a file of any format", ref("ReadAnswer"))
    body = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    return {
        **operation,
        "parameters": [name, tune],
        "requestBody": {"required": True, "content": body},
        "responses": operation["responses"] | _refused("408", "413"),
    }


def _asked(name: str, summary: str, answer: Schema, *media_types: str) -> dict[str, Any]:
    """Return a path to which JSON is posted."""
    request = ref(f"{name.capitalize()}Request")
    content = {JSON: {"schema": request, "example": EXAMPLES.get(name, {"piece": TUNE})}}
    operation = _operation(name, summary, answer, *media_types)
    return {
        "post": {
            **operation,
            "requestBody": {"required": True, "content": content},
            "responses": operation["responses"] | _refused("408", "413"),
        }
    }


def _job(kind: str) -> dict[str, Any]:
    """Return the path of a job for a model."""
    path = _asked(kind, SUMMARIES[kind], ref("JobAnswer"))
    operation = path["post"]
    operation["description"] = (
        f"Pieces have at most {MOST_BARS} bars of 4/4. With `Accept: {LINES}` the answer is a line "
        "for each state, which is a `State`; otherwise it comes at the end. Closing the connection "
        "stops the work."
    )
    lines = {"schema": {"type": "string", "description": "Lines, each a `State`"}}
    operation["responses"]["200"]["content"][LINES] = lines
    return path


def _operation(name: str, summary: str, answer: Schema, *media_types: str) -> dict[str, Any]:
    """Return an operation with its answers."""
    content = {media_type: {"schema": answer} for media_type in media_types or (JSON,)}
    return {
        "operationId": name,
        "summary": summary,
        "responses": {
            "200": {"description": "Done", "content": content},
            **_refused("400", "403", "500", "503"),
        },
    }


def _refused(*statuses: str) -> dict[str, Any]:
    """Return references to the answers with errors."""
    return {status: {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _errors() -> dict[str, Any]:
    """Return the answers with errors."""
    found: dict[str, Any] = {
        status: {"description": words, "content": {JSON: {"schema": ref(name)}}}
        for status, (words, name) in ERRORS.items()
    }
    found["503"]["headers"] = {"Retry-After": RETRY_AFTER}
    return found

"""The description of the HTTP API is true: of the routes, of requests and of answers."""

import json
from http import HTTPStatus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from json_schema import fits, problems
from starlette.routing import Route

from bach_tf import __version__
from bach_tf.composing.options import MOST_PARTICLES as LIBRARY_PARTICLES
from bach_tf.formats import WRITERS
from bach_tf.formats.grid_csv import VOICES
from bach_tf.measuring.versions import COSTS
from bach_tf.score import Score
from bach_tf.studio import openapi, schemas, tasks
from bach_tf.studio.app import Studio, make_app
from bach_tf.studio.limits import BODY
from bach_tf.studio.tasks import engraving, files, performing, pieces
from bach_tf.studio.tasks.pieces import from_json, to_json

SCHEMAS = schemas.SCHEMAS
FOUR = Score.from_grid([[67, 62, 59, 43]] * 4 + [[69, 64, 60, 45]] * 4, metres=[(0, 4, 4)])


def assert_is(value, name):
    """Expect a value, as JSON, to be what the description says."""
    assert problems(json.loads(json.dumps(value, allow_nan=False)), SCHEMAS[name]) == []


def references(part):
    """Yield every reference within the description."""
    if isinstance(part, dict):
        yield from [part["$ref"]] if "$ref" in part else []
        yield from (found for each in part.values() for found in references(each))
    elif isinstance(part, list):
        yield from (found for each in part for found in references(each))


def test_every_reference_leads_somewhere():
    described = openapi.description("1")
    for reference in references(described):
        found = described
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]
        assert found


def test_every_schema_is_used():
    described = openapi.description("1")
    used = {reference.rpartition("/")[2] for reference in references(described)}
    assert set(SCHEMAS) - used == {"State"}  # of lines, which OpenAPI 3.1 cannot describe
    assert openapi.ERRORS.keys() <= used


def test_the_paths_are_those_of_the_server(tmp_path):
    routes = make_app(Studio(tmp_path)).app.routes
    served = {
        (route.path, method.lower())
        for route in routes
        if isinstance(route, Route) and route.path.startswith("/api/")
        # An endpoint without methods takes whatever its task takes.
        for method in (route.methods or {"GET"}) - {"HEAD"}
    }
    paths = openapi.description("1")["paths"]
    assert served == {(path, method) for path, operations in paths.items() for method in operations}


def test_the_bounds_are_those_of_the_tasks():
    assert schemas.KINDS == performing.KINDS
    assert [f".{name}" for name in schemas.FORMATS] == list(files.MEDIA_TYPES)
    assert set(files.MEDIA_TYPES) <= set(WRITERS)
    assert set(schemas.SOUNDS) == set(files.SOUNDS)
    assert set(openapi.MEDIA_TYPES) == set(files.MEDIA_TYPES.values())
    assert schemas.VOICES == VOICES
    assert tuple(COSTS) == schemas.FAULT_NAMES
    for name in ("MOST_STEPS", "MOST_NOTES", "MOST_PLACES", "MOST_STEPS_PER_QUARTER"):
        assert getattr(schemas, name) == getattr(pieces, name)
    for name in ("MOST_BARS", "MOST_VERSIONS", "MOST_PARTICLES"):
        assert getattr(schemas, name) == getattr(performing, name)
    assert schemas.MOST_PARTICLES <= LIBRARY_PARTICLES


def test_requests_have_the_fields_that_tasks_take():
    taken = {f"{kind.capitalize()}Request": fields for kind, fields in performing.FIELDS.items()}
    taken["EngraveRequest"] = engraving.FIELDS
    for name, fields in taken.items():
        assert set(SCHEMAS[name]["properties"]) == set(fields), name
    assert set(SCHEMAS["Piece"]["properties"]) == set(pieces.KNOWN)


@pytest.mark.parametrize("kind", performing.KINDS)
def test_the_example_of_a_job_is_a_request(kind):
    assert_is(openapi.EXAMPLES[kind], f"{kind.capitalize()}Request")


def test_answers_are_as_described():
    piece = to_json(FOUR)
    assert_is(tasks.read("tune.abc", b"X:1\nT:A\nK:C\nCDEF|\n"), "ReadAnswer")
    assert_is(tasks.engrave({"piece": piece, "given": [[0, 8, 0]]}), "EngraveAnswer")
    for voices in (0, 1, 2, 4):
        some = Score.from_grid(FOUR.to_grid()[:, :voices]) if voices else Score.from_grid([[0]])
        assert_is(tasks.measure({"piece": to_json(some)}), "Facts")
    for run in tasks.list_runs():
        assert_is(run, "Run")


def test_requests_as_described_are_answered():
    example = {"piece": openapi.TUNE}
    for task in (tasks.engrave, tasks.sound, tasks.measure):
        assert task(example)
    assert {tasks.export({**example, "format": name})[1] for name in ("mid", "csv")} == {
        "audio/midi",
        "text/csv",
    }


numbers = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from([0.5, 10**7, 10**400])
values = (
    numbers
    | st.sampled_from(["", "beats", "seconds", "x"])
    | st.lists(
        st.lists(numbers, max_size=5)
        | numbers
        | st.dictionaries(
            st.sampled_from(["name", "program", "x"]), numbers | st.just("a"), max_size=2
        ),
        max_size=2,
    )
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from([*pieces.KNOWN, "x"]), values, max_size=3))
def test_whatever_is_taken_as_a_piece_is_described_as_one(fields):
    sent = {"length": 16, **fields}
    try:
        score = from_json(sent)
    except ValueError:
        return
    assert_is(sent, "Piece")
    assert_is(to_json(score), "WholePiece")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Piece", {"x": 1}),
        ("Piece", {"notes": [[0, 1, 60]]}),
        ("Piece", {"notes": [[0, 1, 60, 0, 80, 1]]}),
        ("Piece", {"notes": [[0, 0, 60, 0]]}),
        ("Piece", {"parts": [{"program": 128}]}),
        ("Piece", {"timing": "bars"}),
        ("WholePiece", {"notes": []}),
        ("EngraveRequest", {}),
        ("RewriteRequest", {"piece": {}, "rewrite": None}),
        ("State", {"state": "running"}),
        ("State", {"state": "done", "versions": []}),
        ("Status", {"ready": 1}),
    ],
)
def test_the_schemas_refuse_what_is_none(name, value):
    assert not fits(value, SCHEMAS[name])


def test_a_server_describes_itself_and_answers_as_described(toy):
    status, described = toy.get("/api/openapi.json")
    assert status == HTTPStatus.OK
    assert described == json.loads(json.dumps(openapi.description(__version__)))
    assert_is(toy.get("/api/status")[1], "Status")


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/api/read?name=a.mid", b"bad", {}, 400),
        ("/api/engrave", b"{", {}, 400),
        ("/api/engrave", b"{}", {"Origin": "http://example.org"}, 403),
        ("/api/engrave", b" " * (BODY + 1), {}, 413),
        ("/api/read?name=a.mid", b"bug", {}, 500),
    ],
)
def test_errors_are_as_described(toy, path, body, headers, status):
    found, answer = toy.get(path, body, headers)
    assert found == status
    assert (
        str(status)
        in openapi.description("1")["paths"][path.partition("?")[0]]["post"]["responses"]
    )
    assert_is(answer, "Error")

"""The part of JSON Schema (draft 2020-12) that the studio's description uses."""

import math

from bach_tf.studio.schemas import SCHEMAS

TYPES = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
ABOUT = {"description", "default", "format"}
LIMITS = {
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "minLength": lambda value, bound: len(value) >= bound,
    "minItems": lambda value, bound: len(value) >= bound,
    "maxItems": lambda value, bound: len(value) <= bound,
    "required": lambda value, bound: set(bound) <= set(value),
    "type": lambda value, bound: TYPES[bound](value),
    "enum": lambda value, bound: value in bound,
    "const": lambda value, bound: value == bound,
}
NESTED = {"$ref", "anyOf", "oneOf", "allOf", "prefixItems", "items", "properties"}
KNOWN = ABOUT | set(LIMITS) | NESTED | {"additionalProperties"}


def fits(value, schema) -> bool:
    """Return whether a value is valid."""
    return not problems(value, schema)


def problems(value, schema, place="$") -> list[str]:
    """Return what is wrong with a value, [] if it is valid."""
    if isinstance(schema, bool):
        return [] if schema else [f"{place} is not allowed"]
    assert set(schema) <= KNOWN, f"unknown keywords: {set(schema) - KNOWN}"
    if isinstance(value, float):
        assert math.isfinite(value), f"{place}: JSON has no {value}"
    if "type" in schema and not TYPES[schema["type"]](value):
        return [f"{place} is no {schema['type']}: {value!r:.80}"]
    wrong = [
        f"{place}: {name} {bound!r:.80}, got {value!r:.80}"
        for name, bound in schema.items()
        if name in LIMITS and not LIMITS[name](value, bound)
    ]
    return wrong + _combined(value, schema, place) + _inside(value, schema, place)


def _combined(value, schema, place):
    if "$ref" in schema:
        return problems(value, SCHEMAS[schema["$ref"].removeprefix("#/components/schemas/")], place)
    wrong = [each for part in schema.get("allOf", []) for each in problems(value, part, place)]
    if "anyOf" in schema and not any(fits(value, each) for each in schema["anyOf"]):
        wrong.append(f"{place} is none of what it may be: {value!r:.80}")
    if "oneOf" in schema and sum(fits(value, each) for each in schema["oneOf"]) != 1:
        wrong.append(f"{place} is not exactly one of what it may be: {value!r:.80}")
    return wrong


def _inside(value, schema, place):
    if isinstance(value, list):
        first = schema.get("prefixItems", [])
        schemas = [*first, *[schema.get("items", True)] * (len(value) - len(first))]
        pairs = zip(range(len(value)), value, schemas)
    elif isinstance(value, dict):
        own, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        pairs = [(name, each, own.get(name, others)) for name, each in value.items()]
    else:
        return []
    return [
        wrong for name, each, part in pairs for wrong in problems(each, part, f"{place}.{name}")
    ]

"""The settings in a run folder, which users may have edited. Imports no TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bach_tf._basics.choices import choose
from bach_tf._basics.files import read_limited
from bach_tf._basics.messages import shortened
from bach_tf.codecs import CODECS, Codec
from bach_tf.recipes import Preset

PRESET, CODEC = "preset.json", "codec.json"
LARGEST_BYTES = 2**25  # of a settings file; the largest chord vocabulary takes 4 MB


def read_settings(folder: Path) -> tuple[Preset, Codec]:
    """Return the preset and the codec of a run folder.

    Raises:
        ValueError: if a file is missing, not JSON, or has invalid settings; the message names
            file and setting.
    """
    preset, codec = read_preset(folder), read_codec(folder)
    if not isinstance(codec, CODECS[preset.music.codec]):
        raise ValueError(
            f"{folder / CODEC}: expected the codec of {PRESET}, {preset.music.codec!r}, "
            "got another one"
        )
    return preset, codec


def read_preset(folder: Path) -> Preset:
    """Return the preset of a run folder.

    Raises:
        ValueError: as for `read_settings`.
    """
    path = folder / PRESET
    try:
        return Preset.from_config(read_json(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def read_codec(folder: Path) -> Codec:
    """Return the codec of a run folder.

    Raises:
        ValueError: as for `read_settings`.
    """
    path = folder / CODEC
    try:
        return codec_of(read_json(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def codec_of(config: dict[str, Any]) -> Codec:
    """Return the codec of the settings in `codec.json`: its name, and its arguments.

    Raises:
        ValueError: if the codec is unknown, or an argument is invalid.
    """
    arguments = dict(config)
    return choose(CODECS, arguments.pop("name", None), "codec").from_config(arguments)


def read_json(path: Path) -> dict[str, Any]:
    """Read a settings file, which may have any content.

    Raises:
        ValueError: if it is missing, too large, not UTF-8, not JSON, too deeply nested, or not
            an object.
    """
    try:
        content = read_limited(path, LARGEST_BYTES)
    except ValueError as error:
        raise ValueError(str(error).removeprefix(f"{path.name}: ")) from None
    try:
        config = json.loads(content.decode("utf-8"))
    except RecursionError:
        raise ValueError("expected settings in JSON, got lists nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("expected text in UTF-8, got other bytes") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"expected settings in JSON, got: {error}") from None
    if not isinstance(config, dict):
        raise ValueError(f"expected settings in JSON, as {{...}}, got: {shortened(config)}")
    return config

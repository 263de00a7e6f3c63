"""What the server and its workers say to each other."""

import asyncio
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bach_tf.studio import frames
from bach_tf.studio.worker import request_of

HEADS = st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text())


def received(content):
    async def receive():
        stream = asyncio.StreamReader()
        stream.feed_data(content)
        stream.feed_eof()
        return await frames.receive(stream)

    return asyncio.run(receive())


@given(HEADS, st.binary())
def test_a_frame_comes_as_it_was_sent(head, content):
    packed = frames.pack(head, content)
    assert frames.read(io.BytesIO(packed)) == (head, content)
    assert received(packed) == (head, content)


@given(st.integers(0, 17))
def test_a_frame_that_is_cut_is_none(length):
    packed = frames.pack({"a": 1}, b"bc")
    assert frames.read(io.BytesIO(packed[:length])) is None
    with pytest.raises(asyncio.IncompleteReadError, match="bytes read"):
        received(packed[:length])


def test_what_is_no_frame_ends_the_conversation():
    with pytest.raises(ConnectionError, match="expected a frame of at most 536870912 bytes"):
        received(struct.pack("!II", 2**31, 2**31))
    with pytest.raises(ConnectionError, match="expected a frame with JSON"):
        received(struct.pack("!II", 2, 0) + b"{]")


def test_a_request_is_an_object():
    assert request_of(b'{"bars": 8}') == {"bars": 8}
    with pytest.raises(ValueError, match="Expected a JSON object, got: list"):
        request_of(b"[]")
    with pytest.raises(ValueError, match="nested too deep"):
        request_of(b"[" * 100_000)
    with pytest.raises(ValueError, match="Infinity is no number in JSON"):
        request_of(b'{"a": -Infinity}')

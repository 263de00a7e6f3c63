"""What a client sends is read within limits."""

import asyncio

import pytest

from bach_tf.studio import bodies
from bach_tf.studio.bodies import LeftError, RefusedError, Store, read_body
from bach_tf.studio.limits import BODY


def parts(*contents, pause=0.0):
    """Return what gives the parts of a body as a server does."""
    messages = [{"type": "http.request", "body": each, "more_body": True} for each in contents]
    messages[-1]["more_body"] = False

    async def receive():
        await asyncio.sleep(pause)
        return messages.pop(0)

    return receive


def read(receive, store=None, headers=()):
    with (store or Store()).holding() as held:
        return asyncio.run(read_body({"headers": list(headers)}, receive, held))


def test_a_body_is_joined_and_no_longer_counted():
    store = Store()
    assert read(parts(b"ab", b"", b"c"), store) == b"abc"
    assert store.held == 0


def test_a_body_as_large_as_it_may_be_is_taken():
    assert len(read(parts(bytes(BODY - 1), b"x"))) == BODY
    with pytest.raises(RefusedError, match="Expected at most 8 MB, got more") as refused:
        read(parts(bytes(BODY), b"x"))
    assert refused.value.status == 413


def test_a_length_that_is_too_large_is_refused_before_it_comes():
    length = [(b"content-length", b"999999999")]
    with pytest.raises(RefusedError, match="Expected at most 8 MB, got 999,999,999 bytes"):
        read(parts(b""), headers=length)


def test_all_bodies_together_have_a_limit():
    store = Store(largest=10)
    with store.holding() as held:
        held.add(8)
        with pytest.raises(RefusedError, match="too much is sent at once") as refused:
            read(parts(b"abc"), store)
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "5"})
    assert read(parts(b"abc"), store) == b"abc"


def test_a_slow_body_is_given_up(monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.05)
    with pytest.raises(RefusedError, match=r"Expected the request within 0\.05 s") as refused:
        read(parts(b"a", b"b", pause=1.0))
    assert refused.value.status == 408


def test_a_client_that_leaves_is_noticed():
    async def receive():
        return {"type": "http.disconnect"}

    with pytest.raises(LeftError):
        read(receive)
    asyncio.run(bodies.drain(receive))
    asyncio.run(bodies.until_left(receive))


def test_what_is_dropped_has_a_limit(monkeypatch):
    monkeypatch.setattr(bodies, "DRAINED", 5)
    receive = parts(b"abc", b"def", b"never read")
    asyncio.run(bodies.drain(receive))
    assert asyncio.run(receive())["body"] == b"never read"

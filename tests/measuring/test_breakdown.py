import numpy as np
import pytest

from bach_tf.measuring.breakdown import break_down, format_breakdowns

NATS = np.array([1.0, 2.0, 3.0, 0.0, 4.0], np.float32)
LABELS = np.array([0, 2, 0, 0, 2])


def test_nats_are_counted_by_label():
    assert break_down(NATS, LABELS, ["none", "short", "long"]) == {
        "none": {"tokens": 3, "nll": pytest.approx(4 / 3), "share": 0.4},
        "long": {"tokens": 2, "nll": 3.0, "share": 0.6},
    }


def test_breakdowns_stand_one_below_the_other():
    parts = break_down(NATS, LABELS, ["none", "short", "long"])
    table = format_breakdowns({"match in memory": parts, "voice": parts})
    assert table == (
        "match in memory  tokens  nats per token  % of the loss\n"
        "none                  3          1.3333           40.0\n"
        "long                  2          3.0000           60.0\n"
        "\n"
        "voice            tokens  nats per token  % of the loss\n"
        "none                  3          1.3333           40.0\n"
        "long                  2          3.0000           60.0"
    )


def test_no_tokens_have_no_parts():
    assert break_down(np.zeros(0), np.zeros(0, int), ["a"]) == {}
    assert break_down(np.zeros(2), np.zeros(2, int), ["a"])["a"]["share"] == 0


def test_each_token_has_a_label_with_a_name():
    with pytest.raises(ValueError, match=r"a label for each token\. Received: nats \(5,\), labels"):
        break_down(NATS, LABELS[:4], ["none", "short", "long"])
    with pytest.raises(ValueError, match=r"Labels must be in 0\.\.1.*Received: 0\.\.2"):
        break_down(NATS, LABELS, ["none", "short"])
    with pytest.raises(ValueError, match=r"Received: -1\.\.1"):
        break_down(NATS, LABELS - 1, ["none", "short", "long"])

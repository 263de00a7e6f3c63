"""What the studio asks of a model, with a small one."""

import json
import shutil

import numpy as np
import pytest
from json_schema import problems

from bach_tf.score import Score
from bach_tf.studio import tasks
from bach_tf.studio.schemas import SCHEMAS
from bach_tf.studio.tasks import performing
from bach_tf.studio.tasks.pieces import to_json

TUNE = to_json(
    Score.from_grid([[pitch] for pitch in (67, 69, 71, 72) for _ in range(4)] * 2, upbeat=0)
)
QUICK = {"particles": 2, "seed": 3}


@pytest.fixture(scope="module")
def performer(trained_run, tmp_path_factory):
    """Return a performer that has one small run, called "small", and none that is shipped."""
    folder = tmp_path_factory.mktemp("tb_logs")
    shutil.copytree(trained_run.folder, folder / "small")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(performing, "run_folders", lambda: [folder / "small"])
        patch.setattr(performing, "has_shipped_weights", lambda: False)
        patch.setattr(performing.Performer, "default", "small")
        yield tasks.Performer()


@pytest.fixture(scope="module")
def harmonized(performer):
    """Return an answer with two versions of the tune, and the progress told."""
    told = []
    answer = performer.perform(
        "harmonize", {"run": "small", "piece": TUNE, "num_outputs": 2, **QUICK}, told.append
    )
    return answer, told


def test_the_runs_are_listed_with_what_they_can_do(performer):
    (run,) = tasks.list_runs()
    assert run["name"] == "small"
    assert run["preset"] == "gru"
    assert run["can"] == ["harmonize", "rewrite", "continue", "generate"]
    assert run["temperature"] > 0


def test_a_tune_comes_back_in_four_voices_with_what_was_given(harmonized):
    answer, told = harmonized
    assert problems(json.loads(json.dumps(answer)), SCHEMAS["JobAnswer"]) == []
    assert [version["seed"] for version in answer["versions"]] == [3, 3]
    for version in answer["versions"]:
        notes = version["piece"]["notes"]
        assert {note[3] for note in notes} == {0, 1, 2, 3}
        assert [note[2] for note in notes if note[3] == 0] == [67, 69, 71, 72] * 2
        assert version["given"] == [[0, 32, 0]]
        assert {"nats_per_token", "grade", "faults", "parallels", "recommended"} <= set(
            version["facts"]
        )
    assert sum(version["facts"]["recommended"] for version in answer["versions"]) == 1
    assert told == sorted(told)
    assert told[-1] == 1


def test_rewriting_leaves_locked_cells_alone(performer, harmonized):
    piece = harmonized[0]["versions"][0]["piece"]
    asked = {"piece": piece, "keep": ["soprano", "bass:2"], "rewrite": "2", **QUICK}
    (version,) = performer.perform("rewrite", asked, lambda done: None)["versions"]
    before, after = (performing.from_json(each).to_grid(4) for each in (piece, version["piece"]))
    assert (before[:, [0, 3]] == after[:, [0, 3]]).all()
    assert (before[:16] == after[:16]).all()
    assert [0, 32, 0] in version["given"]


def test_a_piece_is_continued_from_its_own_notes(performer, harmonized):
    piece = harmonized[0]["versions"][0]["piece"]
    (version,) = performer.perform(
        "continue", {"piece": piece, "bars": 1, "seed": 3}, lambda done: None
    )["versions"]
    grid = performing.from_json(version["piece"]).to_grid(4)
    assert (grid[:32] == performing.from_json(piece).to_grid(4)).all()
    assert version["given"][0][:2] == [0, 32]
    assert [note for note in version["piece"]["notes"] if note[0] < 32] == piece["notes"]


def repeated(*pitches, voices=1):
    """Return quarters in each of some voices, struck anew also where a pitch is repeated."""
    columns = [
        (4 * i, 4, pitch - 12 * voice, voice, 50)
        for voice in range(voices)
        for i, pitch in enumerate(pitches)
    ]
    names = ("onset", "duration", "pitch", "voice", "velocity")
    return Score(**dict(zip(names, zip(*columns))), length=4 * len(pitches))


def notes_of(score):
    columns = (score.onset, score.duration, score.pitch, score.voice, score.velocity)
    return list(zip(*(column.tolist() for column in columns)))


@pytest.mark.parametrize("voices", [1, 4])
def test_a_continuation_repeats_the_notes_that_its_beginning_repeats(voices):
    primer = repeated(60, 60, 62, 62, voices=voices)
    held = Score.from_grid(np.vstack([primer.to_grid(), primer.to_grid()[-4:]]))
    found = performing.with_beginning(held, primer, 16)
    assert notes_of(found)[: 4 * voices] == notes_of(primer)
    assert [note[:2] for note in notes_of(found)[4 * voices :]] == [(16, 4)] * voices
    assert (found.to_grid() == held.to_grid()).all()


def test_a_continuation_of_other_pitches_is_left_alone():
    held = Score.from_grid([[61]] * 8)
    assert performing.with_beginning(held, repeated(60, 60), 8) is held


def test_new_pieces_repeat_with_their_seed(performer):
    asked = {"bars": 2, "seed": 5}
    first, again = (performer.perform("generate", asked, lambda done: None) for _ in range(2))
    assert first == again
    assert first["versions"][0]["given"] == []
    assert problems(first, SCHEMAS["JobAnswer"]) == []


def test_what_progress_raises_stops_the_work(performer):
    def stop(done):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        performer.perform("harmonize", {"piece": TUNE, **QUICK}, stop)


@pytest.mark.parametrize(
    ("kind", "asked", "said"),
    [
        ("transcribe", {}, "Unknown kind of job"),
        ("generate", {"piece": {}}, "unknown fields: piece"),
        ("generate", {"run": "../small"}, "Unknown run"),
        ("generate", {"run": 3}, "`run` must be text"),
        ("generate", {"bars": 1000}, "`bars` must be in 1..64"),
        ("generate", {"num_outputs": 0}, "`num_outputs` must be in 1..8"),
        ("generate", {"temperature": "hot"}, "`temperature` must be a number"),
        ("generate", {"temperature": float("nan")}, "`temperature` must be a number"),
        ("generate", {"temperature": 10**400}, "`temperature` must be a number of at most 100"),
        ("generate", {"temperature": -1}, "temperature"),
        ("generate", {"seed": -1}, "seed"),
        ("generate", {"seed": 10**400}, "seed"),
        ("generate", {"rules": "louder"}, "Unknown rule"),
        ("harmonize", {}, "`piece` must be an object"),
        ("harmonize", {"piece": {"length": 16}}, "no notes yet"),
        ("harmonize", {"piece": {"length": 2000, "notes": [[0, 2000, 60, 0]]}}, "up to 64 bars"),
        ("harmonize", {"piece": TUNE, "keep": "soprano"}, "`keep` must be a list"),
        ("harmonize", {"piece": TUNE, "keep": ["fiddle"]}, "fiddle"),
        ("harmonize", {"piece": TUNE, "particles": 10**6}, "`particles` must be in 1..128"),
        ("rewrite", {"piece": TUNE}, "Expected the bars to rewrite"),
        ("continue", {"piece": {"length": 1024, "notes": [[0, 1024, 60, 0]]}}, "at most 64 bars"),
    ],
    ids=range(21),
)
def test_a_job_that_cannot_be_done_is_refused_in_a_sentence(performer, kind, asked, said):
    with pytest.raises(ValueError, match=said):
        performer.perform(kind, asked, lambda done: None)

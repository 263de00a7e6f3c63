"""The figures of `python -m benchmarks.studio`, from a studio with toy tasks."""

from benchmarks import studio
from benchmarks.studio import Client, Heard


def test_what_clients_hear_is_counted(toy):
    client = Client(toy.port)
    heard = studio.at_once(30, lambda _: client.hear("/api/generate", {"steps": 20}))
    answered, busy = (sum(each.status == status for each in heard) for status in (200, 503))
    assert (answered >= 17, answered + busy) == (True, 30)
    assert f"30 clients: {answered} answered, {busy} busy (places 18..18)" in studio.describe(heard)
    engraved = studio.at_once(9, lambda _: client.hear("/api/engrave", {"piece": studio.piece()}))
    assert [each.status for each in engraved] == [200] * 9


def test_other_answers_are_counted_too():
    heard = [Heard(500, 1.0), Heard(503, 0.1, 20), Heard(503, 0.1, 18)]
    assert studio.describe(heard) == "3 clients: 0 answered, 2 busy (places 18..20), 1 else"


def test_the_memory_of_all_processes_is_told(toy):
    studio.wait_for_model(Client(toy.port))
    memory = studio.memory_mb(toy.process.pid)
    assert len(memory) == 4
    assert all(5 < each < 500 for each in memory)


def test_the_tune_fits_its_length():
    piece = studio.piece()
    assert piece["length"] == 8 * 16
    assert len(piece["notes"]) == 32
    last = piece["notes"][-1]
    assert last[0] + last[1] == piece["length"]

"""A worker process: started, given jobs, stopped, and ended where it does not stop."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from bach_tf.studio import processes
from bach_tf.studio.desk import Job
from bach_tf.studio.processes import Worker
from bach_tf.studio.worker import LIGHT, MODEL

FOREVER = 1000.0  # seconds


def with_worker(monkeypatch, folder, kind, script, run="toy"):
    """Run a script that takes a worker."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))

    async def main():
        worker = Worker(kind, "toy_tasks", folder / "temporary", run)
        try:
            await worker.ready()
            return await script(worker)
        finally:
            worker.kill()
            await worker.ended()

    return asyncio.run(main())


def job_of(request, seconds=FOREVER):
    return Job("generate", json.dumps(request).encode(), seconds)


def test_a_job_that_takes_too_long_is_stopped_and_the_process_stays(monkeypatch, tmp_path):
    async def script(worker):
        before = worker.process.pid
        answer = await worker.work(job_of({"steps": 10**6}, seconds=0.2))
        after = json.loads((await worker.work(job_of({}))).content)["pid"]
        return answer, before == after

    answer, same = with_worker(monkeypatch, tmp_path, MODEL, script)
    assert (answer.status, same) == (500, True)
    assert answer.error == (
        "This took longer than the 0.2 s that the studio gives it, and was stopped."
    )


def test_a_job_that_does_not_stop_ends_with_its_process(monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.2)

    async def script(worker):
        before = worker.process.pid
        with pytest.raises(ChildProcessError, match="took longer than the 2 s"):
            await worker.work(job_of({"deaf": 1}, seconds=2))  # to have begun
        await worker.ready()
        answer = await worker.work(job_of({}))
        return before, json.loads(answer.content)["pid"]

    before, after = with_worker(monkeypatch, tmp_path, MODEL, script)
    assert before != after


def test_a_file_that_is_read_for_ever_ends_with_its_process(monkeypatch, tmp_path):
    async def script(worker):
        job = Job("read", b"loop", 0.2, {"name": "a.mid", "tune": None})
        with pytest.raises(ChildProcessError, match=r"took longer than the 0\.2 s"):
            await worker.work(job)
        await worker.ready()
        return await worker.work(Job("measure", b"{}", FOREVER))

    assert with_worker(monkeypatch, tmp_path, LIGHT, script).content == b'{"grade":7}'


def test_a_worker_that_cannot_load_says_why(monkeypatch, tmp_path):
    with pytest.raises(ChildProcessError, match="The weights of broken are damaged"):
        with_worker(monkeypatch, tmp_path, MODEL, None, run="broken")


def test_a_worker_that_ends_while_it_works_or_loads_says_so(monkeypatch, tmp_path):
    async def script(worker):
        with pytest.raises(ChildProcessError, match="ended while it worked on this"):
            await worker.work(job_of({"crash": 1}))
        monkeypatch.setattr(processes, "PROGRAM", "bach_tf.no_such_program")
        with pytest.raises(ChildProcessError, match="ended while it was started"):
            await worker.ready()

    with_worker(monkeypatch, tmp_path, MODEL, script)


def test_temporary_files_go_with_the_process(monkeypatch, tmp_path):
    async def script(worker):
        (worker.folder / "left.mid").write_bytes(b"MThd")
        os.kill(worker.process.pid, signal.SIGKILL)
        await worker.ended()
        await worker.ready()
        return list(worker.folder.iterdir())

    assert with_worker(monkeypatch, tmp_path, LIGHT, script) == []
    assert not (tmp_path / "temporary").exists()

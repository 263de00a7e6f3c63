"""Jobs are taken in order, up to a number, and given to workers that may fail."""

import asyncio

import pytest

from bach_tf.studio.desk import Answer, BusyError, Desk, Job


class Toy:
    """A worker that answers with the task's name when it is let."""

    def __init__(self, failures=0):
        self.failures, self.done, self.go = failures, [], asyncio.Event()
        self.stopped = False

    async def ready(self):
        if self.failures:
            self.failures -= 1
            raise ChildProcessError("No weights.")

    async def work(self, job):
        await self.go.wait()
        if job.task == "die":
            raise ChildProcessError("It has ended.")
        self.done.append(job.task)
        return Answer(200, job.task.encode())

    async def ended(self):
        await asyncio.Event().wait()

    def stop(self):
        self.stopped = True
        self.go.set()


def with_desk(script, longest=2, **options):
    """Run a script that takes a desk and its worker."""

    async def main():
        worker = Toy(**options)
        desk = Desk([worker], longest)
        serving = asyncio.create_task(desk.serve(worker))
        try:
            return await asyncio.wait_for(script(desk, worker), 30)
        finally:
            serving.cancel()

    return asyncio.run(main())


async def submit(desk, *tasks):
    jobs = [Job(task, b"", 1.0) for task in tasks]
    for job in jobs:
        await desk.submit(job)
        await asyncio.sleep(0.01)  # the worker takes the first
    return jobs


def test_jobs_are_done_in_order():
    async def script(desk, worker):
        jobs = await submit(desk, "a", "b", "c")
        worker.go.set()
        return [(await job.answer()).content for job in jobs], worker.done

    assert with_desk(script) == ([b"a", b"b", b"c"], ["a", "b", "c"])


def test_a_full_desk_says_the_place():
    async def script(desk, worker):
        await submit(desk, "a", "b", "c")
        await submit(desk, "d")

    with pytest.raises(BusyError, match=r"The studio is busy: place 4\. Try again in 6 s\."):
        with_desk(script)


def test_a_job_is_withdrawn_wherever_it_is():
    async def script(desk, worker):
        first, second, third = await submit(desk, "a", "b", "c")
        desk.withdraw(second)
        assert not worker.stopped
        desk.withdraw(first)
        assert worker.stopped
        await third.answer()
        desk.withdraw(third)  # nothing happens
        return worker.done, len(desk)

    assert with_desk(script) == (["a", "c"], 0)


def test_a_job_hears_that_its_worker_has_ended():
    async def script(desk, worker):
        first, second = await submit(desk, "die", "b")
        worker.go.set()
        return await first.answer(), await second.answer()

    first, second = with_desk(script)
    assert (first.status, first.error) == (500, "It has ended.")
    assert second.status == 200


def test_jobs_hear_that_no_worker_can_be_started_and_later_ones_are_done(monkeypatch):
    monkeypatch.setattr("bach_tf.studio.desk.LONGEST_PAUSE", 0.05)

    async def script(desk, worker):
        (first,) = await submit(desk, "a")  # after the first failure, before the second
        failed = await first.answer()
        assert desk.broken == {worker: "No weights."}
        worker.go.set()
        (later,) = await submit(desk, "b")
        return failed, await later.answer()

    failed, later = with_desk(script, failures=2)
    assert (failed.status, failed.error) == (500, "No weights.")
    assert (later.status, later.content) == (200, b"b")

"""The desk: takes jobs in order, up to a number, and hands them to the workers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

FIRST_GUESS = 3.0  # seconds that a job takes, before one was done
LONGEST_RETRY = 600  # seconds
LONGEST_PAUSE = 30.0  # seconds between two tries to start a worker


@dataclass(frozen=True)
class Answer:
    """What a job ends with.

    Args:
        status: of HTTP.
        content: what the task returned.
        type: its media type.
        filename: under which it is saved; `None` where it is no file.
        error: a sentence, where it failed.
    """

    status: int
    content: bytes = b""
    type: str = "application/json"
    filename: str | None = None
    error: str = ""


@dataclass(eq=False)
class Job:
    """A task for a worker.

    Args:
        task: its name.
        body: the request, as JSON or as a file.
        seconds: how long it may take.
        arguments: what the task takes beside a file.
    """

    task: str
    body: bytes
    seconds: float
    arguments: dict[str, Any] = field(default_factory=dict)
    withdrawn: bool = False
    worker: Worker | None = None
    said: asyncio.Queue[dict[str, Any] | Answer] = field(default_factory=asyncio.Queue)

    async def news(self) -> AsyncIterator[dict[str, Any] | Answer]:
        """Yield each state, and the answer at the end."""
        while True:
            news = await self.said.get()
            yield news
            if isinstance(news, Answer):
                return

    async def answer(self) -> Answer:
        """Return the answer."""
        while not isinstance(news := await self.said.get(), Answer):
            pass
        return news


class Worker(Protocol):
    """What a desk knows of a process."""

    async def ready(self) -> None:
        """Wait until it can work."""

    async def work(self, job: Job) -> Answer:
        """Return the answer to a job."""

    async def ended(self) -> None:
        """Wait until the process has ended by itself."""

    def stop(self) -> None:
        """Stop what it works on."""


class BusyError(Exception):
    """There are too many jobs.

    Args:
        place: that the job would have had.
        seconds: after which to try again.
    """

    def __init__(self, place: int, seconds: int):
        super().__init__(f"The studio is busy: place {place}. Try again in {seconds} s.")
        self.place, self.seconds = place, seconds


class Desk:
    """Hands jobs to workers in the order in which they came.

    Args:
        workers: each has one job at a time.
        longest: number of jobs that may wait.
    """

    def __init__(self, workers: Sequence[Worker], longest: int):
        self.workers, self.longest = workers, longest
        self.broken: dict[Worker, str] = {}  # those that cannot be started, and why
        self.waiting: deque[Job] = deque()
        self.running: set[Job] = set()
        self.mean = FIRST_GUESS
        self._arrived = asyncio.Condition()

    def __len__(self) -> int:
        return len(self.waiting) + len(self.running)

    async def submit(self, job: Job) -> None:
        """Take a job.

        Raises:
            BusyError: if too many wait already.
        """
        if len(self.waiting) >= self.longest:
            raise BusyError(len(self) + 1, self._seconds(len(self)))
        self.waiting.append(job)
        self._say_places()
        async with self._arrived:
            self._arrived.notify()

    def withdraw(self, job: Job) -> None:
        """Free the place of a job that nobody waits for any more, queued or running."""
        job.withdrawn = True
        if job in self.waiting:
            self.waiting.remove(job)
            self._say_places()
        elif job in self.running and job.worker is not None:
            job.worker.stop()

    async def serve(self, worker: Worker) -> None:
        """Give a worker its jobs, until cancelled; one that ends or fails is started again."""
        failures = 0
        while True:
            try:
                await worker.ready()
            except ChildProcessError as error:
                failures += 1
                self.broken[worker] = str(error)
                self._fail(str(error))
                await asyncio.sleep(min(2.0**failures, LONGEST_PAUSE))
                continue
            failures = 0
            self.broken.pop(worker, None)
            if (job := await self._next(worker)) is not None:
                await self._do(job, worker)

    async def _next(self, worker: Worker) -> Job | None:
        """Return the next job; `None` if the worker ended while there was none."""
        ended = asyncio.ensure_future(worker.ended())
        taken = asyncio.ensure_future(self._take())
        try:
            await asyncio.wait({ended, taken}, return_when=asyncio.FIRST_COMPLETED)
            return taken.result() if taken.done() else None
        finally:
            ended.cancel()
            taken.cancel()

    async def _take(self) -> Job:
        async with self._arrived:
            await self._arrived.wait_for(lambda: self.waiting)
            job = self.waiting.popleft()
            self.running.add(job)
        self._say_places()
        return job

    async def _do(self, job: Job, worker: Worker) -> None:
        begun, job.worker = asyncio.get_running_loop().time(), worker
        try:
            answer = Answer(499) if job.withdrawn else await worker.work(job)
        except ChildProcessError as error:
            answer = Answer(500, error=str(error))
        finally:
            self.running.discard(job)
            self._say_places()
        if answer.status == 200:
            self.mean += 0.2 * (asyncio.get_running_loop().time() - begun - self.mean)
        job.said.put_nowait(answer)

    def _fail(self, why: str) -> None:
        """Answer all that wait, where no worker can be started."""
        while self.waiting and len(self.broken) == len(self.workers):
            self.waiting.popleft().said.put_nowait(Answer(500, error=why))

    def _say_places(self) -> None:
        for place, job in enumerate(self.waiting, 1 + len(self.running)):
            job.said.put_nowait({"state": "queued", "place": place})

    def _seconds(self, before: int) -> int:
        """Return the seconds until there may be a place."""
        free = max(1, before - self.longest + 1)
        return max(1, min(LONGEST_RETRY, round(self.mean * free / len(self.workers))))

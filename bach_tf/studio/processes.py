"""The worker processes as the server sees them: started, given jobs, stopped, started again."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from pathlib import Path

from bach_tf.studio import frames
from bach_tf.studio.desk import Answer, Job
from bach_tf.studio.limits import GRACE_SECONDS, LOADING_SECONDS
from bach_tf.studio.worker import LIGHT

PROGRAM = "bach_tf.studio.worker"
ROOT = Path(__file__).parents[2]  # where `bach_tf` is imported from
ENDED = "A part of the studio ended while it worked on this, and has been started again."
TOO_LONG = "This took longer than the {seconds:g} s that the studio gives it, and was stopped."
NEVER_READY = "A part of the studio ended while it was started. It is started again."
LOADS_TOO_LONG = (
    f"A part of the studio was not ready within {LOADING_SECONDS:g} s, and is started again."
)


class Worker:
    """A process that works for the server.

    Args:
        kind: `worker.LIGHT` or `worker.MODEL`.
        tasks: the module with the tasks.
        folder: in which its temporary files are.
        run: the run that a model worker loads first.
    """

    def __init__(self, kind: str, tasks: str, folder: Path, run: str = ""):
        self.kind, self.tasks, self.folder, self.run = kind, tasks, folder, run
        self.process: Process | None = None
        self.is_ready = False
        self._overrun = ""
        self._last: asyncio.TimerHandle | None = None  # ends what does not stop

    async def ready(self) -> None:
        """Start the process if there is none, and wait until it can work.

        Raises:
            ChildProcessError: if it cannot be started.
        """
        if self.process is not None and self.process.returncode is None and self.is_ready:
            return
        self.kill()
        await self.ended()
        process = self.process = await self._start()
        assert process.stdout is not None
        try:
            head, _ = await asyncio.wait_for(frames.receive(process.stdout), LOADING_SECONDS)
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError) as error:
            self.kill()
            too_long = isinstance(error, TimeoutError)
            raise ChildProcessError(LOADS_TOO_LONG if too_long else NEVER_READY) from None
        if "failed" in head:
            self.kill()
            raise ChildProcessError(head["failed"])
        self.is_ready = True

    async def work(self, job: Job) -> Answer:
        """Return the answer to a job; meanwhile tell it the fraction that is done.

        Raises:
            ChildProcessError: if the process ended, or had to be ended.
        """
        process, self._overrun = self.process, ""
        assert process is not None
        loop = asyncio.get_running_loop()
        timer = loop.call_later(job.seconds, self._take_too_long, job)
        try:
            return await self._converse(process, job)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.kill()
            raise ChildProcessError(self._overrun or ENDED) from None
        finally:
            timer.cancel()
            if self._last is not None:
                self._last.cancel()

    async def ended(self) -> None:
        """Wait until the process has ended."""
        if self.process is not None:
            await self.process.wait()

    def stop(self) -> None:
        """Ask the process to stop what it does; end it where it does not.

        Short tasks are left to end by themselves.
        """
        if self.kind != LIGHT and self.process is not None and self.process.stdin is not None:
            with suppress(OSError, RuntimeError):
                self.process.stdin.write(frames.pack({"stop": True}))
            self._last = asyncio.get_running_loop().call_later(GRACE_SECONDS, self.kill)

    def kill(self) -> None:
        """End the process at once, and remove its temporary files."""
        self.is_ready = False
        if self.process is not None and self.process.returncode is None:
            # Not `process.kill()`, which waits for a process that has just ended by itself, so that
            # asyncio no longer hears of it.
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _start(self) -> Process:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        settings = {"PYTHONPATH": path, "TMPDIR": str(self.folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
        if self.kind == LIGHT:
            settings |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        arguments = (self.kind, self.tasks, str(self.folder), self.run)
        # In a session of its own, so that Ctrl-C in a terminal reaches the server alone. Libraries
        # print what they like: nobody reads it.
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", PROGRAM, *arguments),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={**os.environ, **settings},
            start_new_session=True,
        )

    async def _converse(self, process: Process, job: Job) -> Answer:
        assert process.stdin is not None
        assert process.stdout is not None
        head = {"task": job.task, "arguments": job.arguments, "seconds": job.seconds}
        job.said.put_nowait({"state": "running", "done": 0.0})
        process.stdin.write(frames.pack(head, job.body))
        await process.stdin.drain()
        while True:
            head, content = await frames.receive(process.stdout)
            if "status" in head:
                return self._answer(head, content)
            job.said.put_nowait({"state": "running", "done": head["done"]})

    def _answer(self, head: dict, content: bytes) -> Answer:
        if head["status"] == 200:
            return Answer(200, content, head["type"], head["filename"])
        if head.get("bug"):
            print(head["error"], file=sys.stderr, flush=True)
        if head["status"] == 499 and self._overrun:
            return Answer(500, error=self._overrun)
        return Answer(head["status"], error=head["error"])

    def _take_too_long(self, job: Job) -> None:
        self._overrun = TOO_LONG.format(seconds=job.seconds)
        self.stop() if self.kind != LIGHT else self.kill()

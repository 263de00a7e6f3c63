"""The routes of the studio: the page, its files, and the API."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from bach_tf import __version__
from bach_tf._basics.lazy import load
from bach_tf._basics.messages import shortened
from bach_tf.studio.bodies import LeftError, RefusedError, Store, read_body, until_left
from bach_tf.studio.desk import Answer, BusyError, Desk, Job
from bach_tf.studio.guard import Guard
from bach_tf.studio.limits import (
    JOB_SECONDS,
    LIGHT_WORKERS,
    NAME,
    OTHER_SECONDS,
    TASK_SECONDS,
    WAITING_JOBS,
    WAITING_TASKS,
)
from bach_tf.studio.processes import Worker
from bach_tf.studio.worker import LIGHT, MODEL, READ, RUNS, sentence_of

TASKS = "bach_tf.studio.tasks"
DESCRIPTION = "bach_tf.studio.openapi:description"  # long, and seldom asked for
STATIC = Path(__file__).parent / "static"
LINES = "application/x-ndjson"
SHORT = (READ, "engrave", "sound", "export", "measure")  # POST, by a light worker
LONG = ("harmonize", "rewrite", "continue", "generate")  # POST, by the model worker


class Studio:
    """The workers and their desks.

    Args:
        folder: for temporary files.
        run: the run that is loaded first.
        tasks: the module with the tasks.
    """

    def __init__(self, folder: Path, run: str = "pretrained", tasks: str = TASKS):
        light = [Worker(LIGHT, tasks, folder / f"{LIGHT}{i}") for i in range(LIGHT_WORKERS)]
        self.model = Worker(MODEL, tasks, folder / MODEL, run)
        self.light, self.jobs = Desk(light, WAITING_TASKS), Desk([self.model], WAITING_JOBS)
        self.workers = [*light, self.model]
        self.store = Store()

    @asynccontextmanager
    async def open(self, app: Starlette) -> AsyncIterator[None]:
        """Serve within the block; no worker is left after it."""
        desks = [(desk, worker) for desk in (self.light, self.jobs) for worker in desk.workers]
        serving = [asyncio.create_task(desk.serve(worker)) for desk, worker in desks]
        try:
            yield
        finally:
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)
            self.close()
            await asyncio.gather(*(worker.ended() for worker in self.workers))

    def close(self) -> None:
        """End all workers."""
        for worker in self.workers:
            worker.kill()

    def status(self) -> dict[str, Any]:
        """Return whether the model is ready, and how many jobs there are."""
        ready = self.model.is_ready
        error = self.jobs.broken.get(self.model)
        return {
            "ready": ready,
            "run": self.model.run,
            "loading": None if ready or error else self.model.run,
            "error": error,
            "queue": len(self.jobs),
            "version": __version__,
        }


def make_app(studio: Studio, host: str = "127.0.0.1") -> Guard:
    """Return the application.

    Args:
        studio: what does the work.
        host: the address that it is reached by.
    """
    short = [Route(f"/api/{name}", Short(studio, name), methods=["POST"]) for name in SHORT]
    long = [Route(f"/api/{name}", Long(studio, name), methods=["POST"]) for name in LONG]
    routes = [
        Route("/", _page),
        Route("/api/status", _status(studio)),
        Route("/api/runs", Short(studio, RUNS), methods=["GET"]),
        Route("/api/openapi.json", _description),
        *short,
        *long,
        Mount("/static", StaticFiles(directory=STATIC, check_dir=False)),
    ]
    handlers = {HTTPException: _complain, Exception: _fail}
    app = Starlette(routes=routes, lifespan=studio.open, exception_handlers=handlers)
    return Guard(app, host)


class Endpoint:
    """A task that is reached by a request.

    Args:
        studio: what does the work.
        task: the name of the task.
    """

    def __init__(self, studio: Studio, task: str):
        self.studio, self.task = studio, task

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; a client that leaves frees its place."""
        try:
            with self.studio.store.holding() as held:
                body = await read_body(scope, receive, held)
                await self.respond(Request(scope), body, receive, send)
        except LeftError:
            return
        except BusyError as busy:
            said = {"error": str(busy), "place": busy.place}
            await JSONResponse(said, 503, {"Retry-After": str(busy.seconds)})(scope, receive, send)
        except RefusedError as refused:
            answer = JSONResponse({"error": str(refused)}, refused.status, refused.headers)
            await answer(scope, receive, send)

    async def respond(self, request: Request, body: bytes, receive: Receive, send: Send) -> None:
        """Do the task, and send what it returns."""
        raise NotImplementedError


class Short(Endpoint):
    """A task of a light worker: one answer."""

    async def respond(self, request: Request, body: bytes, receive: Receive, send: Send) -> None:
        """Do the task, and send what it returns."""
        seconds = TASK_SECONDS.get(self.task, OTHER_SECONDS)
        arguments = _about_file(request.query_params) if self.task == READ else {}
        job = Job(self.task, body, seconds, arguments)
        await _conclude(self.studio.light, job, request.scope, receive, send)


class Long(Endpoint):
    """A job of the model: lines with its states, where the client accepts them, or one answer."""

    async def respond(self, request: Request, body: bytes, receive: Receive, send: Send) -> None:
        """Do the job, and send its states or what it returns."""
        job = Job(self.task, body, JOB_SECONDS)
        in_lines = LINES in request.headers.get("accept", "")
        conclude = _stream if in_lines else _conclude
        await conclude(self.studio.jobs, job, request.scope, receive, send)


async def _conclude(desk: Desk, job: Job, scope: Scope, receive: Receive, send: Send) -> None:
    async def work():
        await _response(await job.answer())(scope, receive, send)

    await desk.submit(job)
    await _while_connected(work(), desk, job, receive)


async def _stream(desk: Desk, job: Job, scope: Scope, receive: Receive, send: Send) -> None:
    async def work():
        headers = [(b"content-type", LINES.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for news in job.news():
            body, more = _line(news), not isinstance(news, Answer)
            await send({"type": "http.response.body", "body": body, "more_body": more})

    await desk.submit(job)
    await _while_connected(work(), desk, job, receive)


async def _while_connected(work: Awaitable[None], desk: Desk, job: Job, receive: Receive) -> None:
    """Do the work unless the client leaves before; the place is free then."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(until_left(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        desk.withdraw(job)
        for task in (working, leaving):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


def _line(news: dict[str, Any] | Answer) -> bytes:
    if isinstance(news, Answer) and news.status == 200:
        return news.content + b"\n"
    if isinstance(news, Answer):
        news = {"state": "failed", "error": news.error}
    return json.dumps(news).encode() + b"\n"


def _response(answer: Answer) -> Response:
    if answer.status != 200:
        return JSONResponse({"error": answer.error}, answer.status)
    headers = {}
    if answer.filename is not None:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "_", answer.filename)
        name = quote(answer.filename, safe="")
        headers["Content-Disposition"] = (
            f"attachment; filename=\"{plain}\"; filename*=UTF-8''{name}"
        )
    return Response(answer.content, 200, headers, answer.type)


def _about_file(query: Mapping[str, str]) -> dict[str, Any]:
    """Return what `read` takes beside the file.

    Raises:
        RefusedError: if the number of the tune is none.
    """
    name, tune = _plain_name(query.get("name", "")), query.get("tune") or None
    if tune is not None and not re.fullmatch("[0-9]{1,6}", tune):
        raise RefusedError(400, f"`tune` must be a whole number. Received: {shortened(tune)}")
    return {"name": name, "tune": None if tune is None else int(tune)}


def _plain_name(name: str) -> str:
    """Return the last part of a file's name, without what no name has.

    Example:
        >>> _plain_name("../../etc/tune.abc")
        'tune.abc'
    """
    last = re.split(r"[/\\]", name)[-1]
    return "".join(each for each in last if each.isprintable())[-NAME:]


async def _description(request: Request) -> Response:
    return JSONResponse(load(DESCRIPTION)(__version__))


async def _page(request: Request) -> Response:
    return FileResponse(STATIC / "index.html")


def _status(studio: Studio) -> Callable[[Request], Awaitable[Response]]:
    async def status(request: Request) -> Response:
        return JSONResponse(studio.status())

    return status


async def _fail(request: Request, error: Exception) -> Response:
    sentence = sentence_of(error)
    print(sentence, file=sys.stderr, flush=True)
    return JSONResponse({"error": sentence}, 500)


async def _complain(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = {404: "There is nothing here.", 405: "This takes another method."}
    sentence = said.get(error.status_code, str(error.detail))
    return JSONResponse({"error": sentence}, error.status_code, error.headers)

"""Workers and devices as users name them, in options or in `TF_CONFIG`. Imports no TensorFlow."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bach_tf._basics.messages import shortened

VARIABLE = "TF_CONFIG"
EXAMPLE = "one.example:2222,two.example:2222"
LARGEST_PORT = 65535
# An address of IPv6 has brackets, because it contains colons itself.
ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:\[\]/,]+):(?P<port>[0-9]{1,5})")
TASKS = ("chief", "worker")  # in the order of their numbers
CPU = "cpu"
DEVICE = re.compile(r"cpu|gpu:(0|[1-9][0-9]{0,3})")


@dataclass(frozen=True)
class Roster:
    """All workers of a training run, and which of them this process is.

    Args:
        addresses: `host:port` of each worker.
        worker: the number of this one, an index of `addresses`. Worker 0 writes the run folder.
    """

    addresses: tuple[str, ...]
    worker: int

    @property
    def others(self) -> tuple[int, ...]:
        """The numbers of the other workers."""
        return tuple(number for number in range(len(self.addresses)) if number != self.worker)

    def name(self, number: int) -> str:
        """Return how messages refer to a worker.

        Example:
            >>> Roster(("a:1", "b:2"), worker=0).name(1)
            'worker 1 (b:2)'
        """
        return f"worker {number} ({self.addresses[number]})"

    def place(self, number: int) -> tuple[str, int]:
        """Return the host and the port of a worker.

        Example:
            >>> Roster(("[::1]:80", "b:2"), worker=0).place(0)
            ('::1', 80)
        """
        host, _, port = self.addresses[number].rpartition(":")
        return host.strip("[]"), int(port)


def check_device(device: Any) -> None:
    """Raise `ValueError` for a name that no device has.

    Example:
        >>> check_device("gpu:1")
    """
    if not isinstance(device, str) or not DEVICE.fullmatch(device):
        raise ValueError(
            "`device` must be cpu, or gpu: and its number, such as gpu:0. "
            f"Received: {shortened(device, quote=True)}"
        )


def read_roster(
    workers: str | Sequence[str] | None = None,
    worker: int | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Roster | None:
    """Return the workers named by options, or by `TF_CONFIG` where there are no options.

    Args:
        workers: `host:port` of each, as a list or separated by commas.
        worker: the number of this one, counted from 0.
        environment: the variables of this process.

    Returns:
        the roster; `None` if there is just one worker.

    Raises:
        ValueError: if an address or the number is invalid, one of them is missing, or `TF_CONFIG`
            is not what TensorFlow documents.

    Example:
        >>> read_roster("a:2222,b:2222", 1, {}).name(1)
        'worker 1 (b:2222)'
    """
    if workers is None and worker is None:
        return _of_variable(environment.get(VARIABLE, ""))
    if workers is None:
        raise ValueError(
            f"`worker` says which of `workers` this is: give all of them too, such as {EXAMPLE}"
        )
    addresses = _addresses(workers)
    if worker is None:
        raise ValueError(
            "`worker` must say which of `workers` this process is, "
            f"0 to {len(addresses) - 1}. Received: none"
        )
    return _roster(addresses, worker, "`worker`")


def _addresses(workers: Any) -> list[str]:
    if isinstance(workers, str):
        workers = [each.strip() for each in workers.split(",")]
    if not isinstance(workers, Sequence) or not all(isinstance(each, str) for each in workers):
        raise ValueError(
            f"`workers` must be text or a list of text, such as {EXAMPLE}. "
            f"Received: {shortened(workers, quote=True)}"
        )
    return list(workers)


def _roster(addresses: Sequence[str], worker: Any, named: str) -> Roster | None:
    """Check addresses and number, and return them; `None` for a single worker."""
    for address in addresses:
        found = ADDRESS.fullmatch(address)
        if not found or not 0 < int(found["port"]) <= LARGEST_PORT:
            raise ValueError(
                f"Expected each worker as host:port, such as {EXAMPLE}. "
                f"Received: {shortened(address, quote=True)}"
            )
    if twice := [each for number, each in enumerate(addresses) if each in addresses[:number]]:
        raise ValueError(
            f"Two workers cannot have the same address. Received: {twice[0]} twice. On one machine "
            "give each a port of its own."
        )
    if type(worker) is not int or not 0 <= worker < len(addresses):
        raise ValueError(
            f"{named} must be 0 to {len(addresses) - 1}, because there are {len(addresses)} "
            f"workers. Received: {shortened(worker)}"
        )
    return Roster(tuple(addresses), worker) if len(addresses) > 1 else None


def _of_variable(text: str) -> Roster | None:
    """Return the workers named by `TF_CONFIG`."""
    if not text.strip():
        return None
    try:
        config = json.loads(text)
        cluster, task = config.get("cluster", {}), config.get("task", {})
        kind, index = task.get("type", "worker"), task.get("index", 0)
        jobs = {name: list(addresses) for name, addresses in cluster.items()}
    except (AttributeError, TypeError, ValueError, RecursionError):
        raise _wrong("JSON as above", text) from None
    if not jobs:
        return None
    if foreign := sorted({kind, *jobs} - set(TASKS), key=str):
        raise _wrong("tasks of the types chief and worker alone", foreign[0])
    addresses = [address for name in TASKS for address in jobs.get(name, ())]
    if not all(isinstance(address, str) for address in addresses):
        raise _wrong("addresses as text", addresses)
    if type(index) is not int or not 0 <= index < len(jobs.get(kind, ())):
        raise _wrong(f"an index within the {len(jobs.get(kind, ()))} tasks of {kind}", index)
    before = len(jobs.get("chief", ())) if kind == "worker" else 0
    return _roster(addresses, before + index, VARIABLE)


def _wrong(expected: str, received: Any) -> ValueError:
    example = (
        '{"cluster": {"worker": ["one:2222", "two:2222"]}, "task": {"type": "worker", "index": 0}}'
    )
    return ValueError(
        f"The variable {VARIABLE} names the workers of a training run, such as {example}. "
        f"Expected {expected}. Received: {shortened(received, quote=True)}. "
        f"Unset {VARIABLE} to train without other workers."
    )

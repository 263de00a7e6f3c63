"""Which processors train: a choice by name, and memory that grows as needed."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from bach_tf.learning.workers.roster import CPU, check_device


def devices_there() -> list[str]:
    """Return the names of this machine's devices, such as `["cpu", "gpu:0"]`."""
    return [CPU, *(f"gpu:{number}" for number in range(len(_gpus())))]


def use_device(device: str | None = None) -> list[str]:
    """Choose the device to train on; the memory of GPUs is taken as needed, not all at once.

    Args:
        device: "cpu", or "gpu:N" with N counted from 0; by default all GPUs, or the CPU where
            there is none.

    Returns:
        the GPUs that will be used, as TensorFlow names them; none for the CPU.

    Raises:
        ValueError: if there is no such device, or TensorFlow has begun to use another.
    """
    gpus = _gpus()
    if device is not None:
        check_device(device)
        if device not in devices_there():
            raise ValueError(
                f"There is no device {device}. This machine has: {', '.join(devices_there())}. "
                "GPUs need a driver, and TensorFlow built for them: pip install "
                "'tensorflow[and-cuda]'."
            )
        gpus = [] if device == CPU else [gpus[int(device.removeprefix("gpu:"))]]
    if _gpus():
        _configure(gpus, device)
    return [f"gpu:{number}" for number in range(len(gpus))]  # those that are left are renumbered


def _gpus() -> list[Any]:
    return tf.config.list_physical_devices("GPU")


def _configure(gpus: list[Any], device: str | None) -> None:
    try:
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
        if gpus != tf.config.get_visible_devices("GPU"):
            tf.config.set_visible_devices(gpus, "GPU")
    except RuntimeError:  # TensorFlow has started
        if device is not None and gpus != tf.config.get_visible_devices("GPU"):
            raise ValueError(
                f"TensorFlow already uses other devices than {device}. Choose the device before "
                "anything else is computed: start Python again."
            ) from None

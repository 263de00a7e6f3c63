"""Learning curves: loss and accuracy of each epoch."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bach_tf.formats.piano_roll import COLOURS
from bach_tf.learning.runs import HISTORY

BEST_BY = "val_nll"
TRAINING, VALIDATION = COLOURS[1], COLOURS[0]
PANELS = {"nll": "loss, nats per token", "accuracy": "accuracy"}
WIDTH_INCHES, HEIGHT_INCHES, DOTS_PER_INCH = 9.0, 6.0, 130
LOSSES = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10)  # ticks of a logarithmic axis
STEEP = 4  # ratio of losses above which the axis is logarithmic


def read_curves(run_folder: Path) -> pd.DataFrame:
    """Return the training history with one row per epoch.

    Args:
        run_folder: the run folder.

    Raises:
        ValueError: if no epoch has finished yet, or the file has other content.
    """
    path = run_folder / HISTORY
    needed = {"epoch", *(f"{split}{name}" for split in ("", "val_") for name in PANELS)}
    try:
        rows = pd.read_csv(path)
    except (OSError, pd.errors.ParserError, pd.errors.EmptyDataError):
        rows = pd.DataFrame(columns=sorted(needed))
    missing = sorted(needed - set(rows.columns))
    if missing or rows.empty:
        what = f"no column {', '.join(missing)}" if missing else "no epoch"
        raise ValueError(
            f"{path}: expected a row for each epoch, got {what}. Training writes it: "
            f"bach-tf train --resume {run_folder}"
        )
    return rows


def write_training_curve(history: pd.DataFrame, path: Path, title: str = "") -> None:
    """Plot training and validation loss and accuracy over the epochs.

    The best epoch, whose weights were kept, is marked.

    Args:
        history: as returned by `read_curves`.
        path: the image; its ending determines the format.
        title: title of the figure.
    """
    from matplotlib.figure import Figure  # slow to import

    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DOTS_PER_INCH, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    panels = figure.subplots(len(PANELS), sharex=True)
    for axes, (name, label) in zip(panels, PANELS.items()):
        _draw_curves(axes, history, name)
        axes.set_ylabel(label)
    _scale_loss(panels[0], history)
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper right", ncols=2, frameon=False)
    panels[-1].set(xlabel="epoch", xlim=(0.5, history["epoch"].max() + 1.5))
    panels[-1].yaxis.set_major_formatter(percent)
    panels[-1].xaxis.get_major_locator().set_params(integer=True)
    figure.savefig(path)


def _draw_curves(axes, history: pd.DataFrame, name: str) -> None:
    epochs = history["epoch"] + 1
    marker = "o" if len(epochs) == 1 else None  # a line needs two points
    axes.plot(epochs, history[name], color=TRAINING, marker=marker, label="training")
    validation = history[f"val_{name}"]
    axes.plot(epochs, validation, color=VALIDATION, marker=marker, label="validation")
    best = history[BEST_BY].idxmin()
    axes.axvline(epochs[best], color="0.6", linewidth=0.9, linestyle="--", zorder=0)
    axes.plot(epochs[best], validation[best], "o", color=VALIDATION, markersize=7, zorder=3)
    value = percent(round(validation[best], 3)) if name == "accuracy" else f"{validation[best]:.3f}"
    late = best > len(epochs) / 2
    above = validation[best] > history[name][best]  # away from the other curve
    axes.annotate(
        f"best epoch {epochs[best]}: {value}",
        (epochs[best], validation[best]),
        xytext=(-6 if late else 6, 8 if above else -8),
        textcoords="offset points",
        ha="right" if late else "left",
        va="bottom" if above else "top",
        color=VALIDATION,
    )
    axes.margins(y=0.15)
    axes.grid(axis="y", color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _scale_loss(axes, history: pd.DataFrame) -> None:
    """Use a logarithmic axis if the first epochs would flatten the others."""
    from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator, ScalarFormatter

    losses = history[["nll", "val_nll"]].to_numpy()
    if losses.max() > STEEP * losses.min() > 0:
        axes.set_yscale("log")
        low, high = losses.min(), losses.max()
        axes.set_yticks([tick for tick in LOSSES if low * 0.9 <= tick <= high * 1.1])
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(6))


def percent(fraction: float, _: int | None = None) -> str:
    """Format a fraction in percent, as a formatter for matplotlib's axes.

    Args:
        fraction: 0..1.

    Example:
        >>> percent(0.125)
        '12.5 %'
    """
    return f"{100 * fraction:.4g} %"

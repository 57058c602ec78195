"""A table of results: printed, written as Markdown and JSON, drawn as curves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

Cell = str | int | float | None


@dataclass(frozen=True)
class Curve:
    """One line of a plot; theory is drawn without marks."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    theory: bool = False


@dataclass(frozen=True)
class Plot:
    """One picture: `name` is the file's, without suffix."""

    name: str
    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    logarithmic: bool = True


@dataclass(frozen=True)
class Table:
    """What one table found.

    Attributes:
        name: of the table and its files.
        title: what was measured and how, in a sentence or two.
        rows: one mapping per row, all with the same keys.
        figures: numbers by key that `targets.py` judges.
        plots: pictures to draw.
    """

    name: str
    title: str
    rows: list[dict[str, Cell]]
    figures: dict[str, float] = field(default_factory=dict)
    plots: tuple[Plot, ...] = ()

    def markdown(self) -> str:
        """Heading, sentence and rows."""
        lines = [f"## {self.name}", "", self.title, ""]
        if not self.rows:
            return "\n".join([*lines, "nothing measured"])
        heads = list(self.rows[0])
        lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
        lines += ["| " + " | ".join(_text(row[head]) for head in heads) + " |" for row in self.rows]
        return "\n".join(lines)

    def write(self, folder: Path) -> None:
        """NAME.md, NAME.json and the pictures into a folder."""
        (folder / f"{self.name}.md").write_text(self.markdown() + "\n", encoding="utf-8")
        content = {"title": self.title, "rows": self.rows, "figures": self.figures}
        (folder / f"{self.name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        for plot in self.plots if self.rows else ():
            draw(plot, folder / f"{plot.name}.png")


def _text(cell: Cell) -> str:
    if cell is None:
        return "–"
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def draw(plot: Plot, path: Path) -> None:
    """The plot as a PNG picture; points at zero are left out of logarithmic ones."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(10, 5.5), dpi=110)
    colours: dict[str, str] = {}
    for curve in plot.curves:
        points = [
            (x, y)
            for x, y in zip(curve.x, curve.y, strict=True)
            if y is not None and (y > 0 or not plot.logarithmic)
        ]
        if not points:
            continue
        family = curve.label.split(",")[0]
        colour = colours.setdefault(family, f"C{len(colours) % 10}")
        style = "--" if curve.theory else "o-"
        axes.plot(*zip(*points, strict=True), style, color=colour, label=curve.label, markersize=4)
    if plot.logarithmic:
        axes.set_yscale("log")
    axes.set(title=plot.title, xlabel=plot.x_label, ylabel=plot.y_label)
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)

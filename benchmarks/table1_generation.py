"""Table 1 of Berman et al. (2024) on Sprites: what a judge says of clips with new codes.

The judge and the fits are kept in a folder that table2_leakage.py shares, epoch by epoch, so a
stopped run goes on where it was. Rows that are there are not measured again.

    python benchmarks/table1_generation.py [--preset cpu|full] [--quick] [--device cuda]
        [--methods ...] [--seeds 1] [--cache FOLDER] [--output FOLDER]

Without a GPU, --preset cpu trains at 32 x 32 pixels for 12 processor minutes a row; full has the
paper's size and epochs.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay

from benchmarks.tables.pictures import save_results
from benchmarks.tables.sprites import run
from tsdisentangle.evaluation.generation_report import GenerationReport


def save_confusion(report: GenerationReport, path: Path) -> None:
    """Draw what the judge saw in swapped clips, an axis a label; rows are the true classes."""
    figure, axes = plt.subplots(1, len(report.confusion), figsize=(18, 4), layout="constrained")
    for ax, (label, table) in zip(axes, report.confusion.items(), strict=True):
        shown = ConfusionMatrixDisplay(table.to_numpy(), display_labels=list(table.index))
        shown.plot(ax=ax, values_format=".2f", colorbar=False, cmap="Blues", im_kw={"vmax": 1})
        # By the common scale, not by the panel's own largest share.
        for text, share in zip(shown.text_.ravel(), table.to_numpy().ravel(), strict=True):
            text.set_color("white" if share > 0.5 else "black")
        ax.set(title=f"{label}, swapped clips", xlabel="seen by the judge", ylabel="true")
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main(arguments: list[str] | None = None, **options: object) -> None:
    results, sprites = run(__doc__, "1", arguments, **options)
    save_results(results)
    for table in results:
        measured = {row["method"]: row["seeds"] for row in table.rows}
        if "StaticDynamicVAE" in measured:
            report = sprites.generation("StaticDynamicVAE", measured["StaticDynamicVAE"][0])
            save_confusion(report, table.path.with_name("table1_confusion.png"))


if __name__ == "__main__":
    main()

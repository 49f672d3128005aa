"""Who speaks, and what is said: voices of spoken digits change partners.

Free Spoken Digit Dataset: six speakers, ten digits. Recordings become log-mel spectrograms; the
estimator sees no label, and trains for under a minute on one core. Then

- ``speakers.png`` maps the static codes of test takes, coloured by speaker and by digit;
- ``voices.png`` shows two test recordings, and both with the other's static code;
- ``voice_*.wav`` make the four audible, by Griffin and Lim's method. 40 mel bands make everything
  sound hoarse, the originals too: compare with those, not with the data set's files. Four dynamic
  coordinates keep onset and rough course of a word; swapped ones sound muffled.

The recordings are by Z. Jackson et al., CC BY-SA 4.0; whoever passes the sounds on gives this
credit, under the same licence.

    python examples/spoken_digits.py [--seconds 40] [--output demo_output]
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import soundfile

mpl.use("Agg")

import matplotlib.pyplot as plt
from sklearn.manifold import TSNE

from benchmarks.tables.fits import Budget, fit_within
from benchmarks.tables.speakers import FRONT_END, PARAMS, Recordings, load
from tsdisentangle import StaticDynamicVAE
from tsdisentangle.io.audio import Spectrogram
from tsdisentangle.plots import plot_map

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
CHOSEN = ((1, 4), (4, 7))  # (speaker, digit): Jackson says four, Theo says seven


def pick(data: Recordings, rows: np.ndarray) -> list[int]:
    """One test recording of each chosen speaker and digit."""
    return [
        int(next(r for r in rows if (data.speaker[r], data.digit[r]) == chosen))
        for chosen in CHOSEN
    ]


def draw_map(estimator: StaticDynamicVAE, data: Recordings, rows: np.ndarray, path: Path) -> None:
    """t-SNE of the static codes, coloured by what the estimator has not seen."""
    points = TSNE(random_state=0).fit_transform(estimator.encode(data.take(rows)).static)
    labels = {
        "speaker": np.array(SPEAKERS)[data.speaker[rows]],
        "digit": data.digit[rows].astype(str),
    }
    title = "Spoken digits: static codes of test takes"
    plot_map(points, labels, axis_name="t-SNE", title=title).savefig(path, dpi=110)


def swap_voices(
    estimator: StaticDynamicVAE, first: np.ndarray, second: np.ndarray
) -> dict[str, np.ndarray]:
    """Spectrograms of both recordings, and of what each says in the other's voice."""
    swapped12, swapped21 = estimator.swap([first], [second])
    (one, other) = (f"{SPEAKERS[speaker]}_{digit}" for speaker, digit in CHOSEN)
    return {
        one: first,
        other: second,
        f"{one}_as_{SPEAKERS[CHOSEN[1][0]]}": swapped21[0],
        f"{other}_as_{SPEAKERS[CHOSEN[0][0]]}": swapped12[0],
    }


def draw_voices(spectrograms: dict[str, np.ndarray], path: Path) -> None:
    """Spectrograms side by side, on one scale."""
    figure, axes = plt.subplots(1, 4, figsize=(11, 2.8), sharey=True, layout="constrained")
    low, high = -9, max(x.max() for x in spectrograms.values())
    for ax, (name, x) in zip(axes, spectrograms.items(), strict=True):
        ax.imshow(x.T, origin="lower", aspect="auto", vmin=low, vmax=high)
        ax.set(title=name.replace("_", " "), xlabel="frame")
    axes[0].set_ylabel("mel band")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def write_sounds(spectrograms: dict[str, np.ndarray], folder: Path) -> None:
    """Spectrograms as sound, each as loud as it can be."""
    front_end = Spectrogram(kind="log-mel", **FRONT_END)
    for name, x in spectrograms.items():
        sound = front_end.to_waveform(x)
        loud = 0.9 * sound / np.abs(sound).max()
        soundfile.write(folder / f"voice_{name}.wav", loud, FRONT_END["rate"])


def main(arguments: list[str] | None = None) -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--output", type=Path, default=Path("demo_output"))
    options = parser.parse_args(arguments)
    data = load()
    (split,) = data.splits["takes"]
    budget = Budget(epochs=1000, seconds=options.seconds)
    estimator = StaticDynamicVAE(**PARAMS, random_state=0)
    fit = fit_within(estimator, data.take(split.train), budget)
    options.output.mkdir(parents=True, exist_ok=True)
    draw_map(fit.estimator, data, split.test, options.output / "speakers.png")
    first, second = data.take(np.array(pick(data, split.test)))
    voices = swap_voices(fit.estimator, first, second)
    draw_voices(voices, options.output / "voices.png")
    write_sounds(voices, options.output)
    print(f"pictures and sounds: {', '.join(str(p) for p in sorted(options.output.glob('*')))}")


if __name__ == "__main__":
    main()

"""Who speaks, and what the voice does: the main job on real data.

JapaneseVowels (ships with sktime): 640 utterances of the vowel /ae/ by 9 male speakers, 12 LPC
cepstrum coefficients per step, 7 to 29 steps. The estimator sees no label. Then a logistic
regression predicts the speaker from the static code, from the averaged dynamic code, and from both.
The lines of R2 say what reconstruction loses when one code is exchanged for one that knows less.

    python examples/japanese_vowels.py [--seeds 1] [--output demo_output]
"""

import argparse
import time
from pathlib import Path

import matplotlib as mpl
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

mpl.use("Agg")

from tsdisentangle import StaticDynamicVAE
from tsdisentangle.data.codes import Codes
from tsdisentangle.datasets import load_japanese_vowels
from tsdisentangle.evaluation import code_usage
from tsdisentangle.plots import plot_code_maps, plot_history, plot_panels

Panel = list[np.ndarray]


def accuracy(train: np.ndarray, y_train: np.ndarray, test: np.ndarray, y_test: np.ndarray) -> float:
    """Test accuracy of a logistic regression on features."""
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return probe.fit(train, y_train).score(test, y_test)


def load() -> tuple:
    """Utterances and speakers of the training part, then of the test part."""
    bunch = load_japanese_vowels()
    speaker = bunch.static_target["speaker"]
    parts = [bunch.splits[part] for part in ("train", "test")]
    return tuple(x for i in parts for x in ([bunch.data[j] for j in i], speaker[i]))


def summary(panel: Panel) -> np.ndarray:
    """Mean, standard deviation, minimum and maximum of each channel: the raw features."""
    return np.array([np.r_[x.mean(0), x.std(0), x.min(0), x.max(0)] for x in panel])


def spread(panel: Panel) -> float:
    """Standard deviation between series of their means over time, averaged over channels."""
    return float(np.std([x.mean(0) for x in panel], axis=0).mean())


def features(codes: Codes) -> dict[str, np.ndarray]:
    """Return what the logistic regression is given."""
    dynamic = codes.mean_dynamic()
    return {"static": codes.static, "dynamic": dynamic, "both": np.hstack([codes.static, dynamic])}


def measure(estimator: StaticDynamicVAE, name: str, data: tuple) -> dict[str, float]:
    """Speaker accuracies of one fitted estimator, its static code anchored and pooled."""
    X_train, y_train, X_test, y_test = data
    rows = {}
    for pooling in ("anchor", "mean"):
        estimator.set_params(static_pooling=pooling)
        train, test = features(estimator.encode(X_train)), features(estimator.encode(X_test))
        for part in train:
            if part == "dynamic" and pooling == "mean":
                continue  # pooling concerns the static code only
            label = part if part == "dynamic" else f"{part} ({pooling})"
            rows[f"{name}: {label}"] = accuracy(train[part], y_train, test[part], y_test)
    estimator.set_params(static_pooling="anchor")
    return rows


def run(seed: int, data: tuple) -> tuple[StaticDynamicVAE, dict[str, float]]:
    """Fit with the defaults and measure everything."""
    X_train, y_train, X_test, y_test = data
    start = time.perf_counter()
    estimator = StaticDynamicVAE(random_state=seed, verbose=1).fit(X_train)
    seconds = time.perf_counter() - start
    untrained = StaticDynamicVAE(max_epochs=0, random_state=seed).fit(X_train)
    rows = {"raw summary": accuracy(summary(X_train), y_train, summary(X_test), y_test)}
    rows |= measure(estimator, "trained", data) | measure(untrained, "untrained", data)
    rows |= code_usage(estimator, X_test, random_state=seed).to_dict()
    rows["spread of samples over data's"] = spread(estimator.sample(1000, 15)) / spread(X_train)
    rows["seconds to fit"] = seconds
    return estimator, rows


def draw(estimator: StaticDynamicVAE, data: tuple, folder: Path) -> None:
    """Write the four pictures."""
    _, _, X_test, y_test = data
    folder.mkdir(parents=True, exist_ok=True)
    speakers = y_test + 1
    maps = plot_code_maps(
        estimator.encode(X_test), speakers, label_name="speaker", title="JapaneseVowels, test part"
    )
    maps.savefig(folder / "codes.png", dpi=110)
    chosen = [X_test[i] for i in (0, 120, 300)]
    both = {"utterance": chosen, "reconstruction": estimator.reconstruct(chosen)}
    plot_panels(both, title="Reconstruction of test utterances").savefig(
        folder / "reconstruction.png", dpi=110
    )
    first, second = X_test[0], X_test[300]
    swapped12, swapped21 = estimator.swap([first], [second])
    versions = {
        "utterance": [first, second],
        "reconstruction": estimator.reconstruct([first, second]),
        "static code of the other": [swapped21[0], swapped12[0]],
    }
    names = [f"dynamics of speaker {speakers[i]}" for i in (0, 300)]
    title = f"Speakers {speakers[0]} and {speakers[300]} exchange their static codes"
    plot_panels(versions, column_names=names, title=title).savefig(folder / "swap.png", dpi=110)
    plot_history(estimator.history_, title="Terms of the loss").savefig(
        folder / "history.png", dpi=110
    )


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("demo_output"))
    arguments = parser.parse_args()
    data = load()
    print(f"JapaneseVowels: {len(data[0])} utterances to train, {len(data[2])} to test, 9 speakers")
    results = []
    for seed in range(arguments.seeds):
        estimator, rows = run(seed, data)
        results.append(rows)
    print(f"\n{'':50}{'mean':>8}{'spread':>8}   over {len(results)} seed(s)")
    for name in results[0]:
        values = np.array([rows[name] for rows in results])
        print(f"{name:50}{values.mean():8.3f}{values.std():8.3f}")
    draw(estimator, data, arguments.output)
    print(f"\npictures: {', '.join(str(p) for p in sorted(arguments.output.glob('*.png')))}")


if __name__ == "__main__":
    main()

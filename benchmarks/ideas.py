"""Ideas for the flagship that are no options of it, each by what validation says of it.

Every idea is the network of ``StaticDynamicVAE`` with one step changed, fitted with the same
settings (an anchor drawn anew for each batch, static codes pooled over the windows after fit, 100
epochs) on the parts that the search may see, and asked by the same linear probes: month of the held
out years 2014 and 2015 of Air Quality; unit type and mortality of two thirds of the spare patients
of PhysioNet 2012. No test part is touched.

    python benchmarks/ideas.py [--seeds 2] [--datasets ...] [--ideas ...]

Rows are kept in ``benchmarks/results/ideas.json``; what is there is not measured again.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the root: "benchmarks" is a package there

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor
from tqdm.auto import tqdm

from benchmarks.measuring import add_row, read_rows
from benchmarks.tables import corrected
from benchmarks.tables.corrected import Benchmark
from tsdisentangle import StaticDynamicVAE
from tsdisentangle.data.windows import Windows
from tsdisentangle.methods.static_dynamic_vae import StaticDynamicNetwork
from tsdisentangle.network import Posterior
from tsdisentangle.nn.gaussian import Gaussian
from tsdisentangle.nn.noise import Noise
from tsdisentangle.presets.published import AS_PUBLISHED

RESULTS = Path(__file__).parent / "results" / "ideas.json"
DATASETS = {"air-quality": corrected.air_quality, "physionet": corrected.physionet}
SETTINGS = {
    "anchor": "random_batch",
    "static_pooling": "mean",
    "missing": "mask",
    "beta": (0.2, 3.0),
    **AS_PUBLISHED,
}
WARM_UP_STEPS = 200  # of about 500 on Air Quality
FREE_NATS = 0.25  # per coordinate of the static code
HIDDEN_SHARE = 0.2  # of the observed values


class KLWarmUp(StaticDynamicNetwork):
    """Both divergences rise linearly from 0 (Bowman et al. 2016, section 3.1)."""

    steps = 0

    def forward(self, batch: Windows, noise: Noise) -> dict[str, Tensor]:
        """Terms with the divergences of the present step."""
        self.steps += self.training
        terms = super().forward(batch, noise)
        share = min(1.0, self.steps / WARM_UP_STEPS)
        return {name: term * share if "kl" in name else term for name, term in terms.items()}


class FreeBits(StaticDynamicNetwork):
    """No coordinate of the static code is pressed below some nats (Kingma et al. 2016, C.8)."""

    def posterior(
        self, batch: Windows, index: Tensor | None, noise: Noise, *pooling: str
    ) -> Posterior:
        """Keep the static posterior for the free part."""
        self.static_posterior = super().posterior(batch, index, noise, *pooling)
        return self.static_posterior

    def forward(self, batch: Windows, noise: Noise) -> dict[str, Tensor]:
        """Terms with the free part of the static divergence."""
        terms = super().forward(batch, noise)
        q = self.static_posterior.static
        each = 0.5 * (q.mean.square() + q.logvar.exp() - 1 - q.logvar).mean(0)
        return {**terms, "static_kl": each.clamp(min=FREE_NATS).sum()}


class Denoising(StaticDynamicNetwork):
    """The encoder does not see a share of the values that the decoder must reconstruct."""

    def posterior(
        self, batch: Windows, index: Tensor | None, noise: Noise, *pooling: str
    ) -> Posterior:
        """Posterior of the values that are left, at least one per series."""
        if self.training:
            kept = batch.observed & (torch.rand(batch.observed.shape) > HIDDEN_SHARE)
            some = kept.flatten(1).any(1)[:, None, None, None]
            kept = torch.where(some, kept, batch.observed)
            batch = Windows(torch.where(kept, batch.values, 0.0), kept, batch.valid)
        return super().posterior(batch, index, noise, *pooling)


class InstanceNorm(StaticDynamicNetwork):
    """Features on the dynamic path are standardised over the windows of their series."""

    def _dynamic(
        self, features: Tensor, batch: Windows, index: Tensor | None, noise: Noise
    ) -> Gaussian:
        valid = batch.valid[..., None]
        count = valid.sum(1, keepdim=True)
        mean = (features * valid).sum(1, keepdim=True) / count
        square = ((features - mean) * valid).square().sum(1, keepdim=True) / count
        return super()._dynamic((features - mean) / (square + 1e-4).sqrt(), batch, index, noise)


class ShuffledStatic(StaticDynamicNetwork):
    """The static code of another window of the same series must serve as well."""

    def forward(self, batch: Windows, noise: Noise) -> dict[str, Tensor]:
        """Terms with the mean of both reconstructions."""
        terms = super().forward(batch, noise)
        if not self.training:
            return terms
        features = self.encoder(batch.values, batch.observed)
        other = (torch.rand(len(features)) * batch.valid.sum(1)).long()
        static = self._static(features, batch.observed, other, "anchor").sample(noise, "static", 1)
        dynamic = self._dynamic(features, batch, self.choose_anchor(batch, noise), noise)
        again = self.nll(batch, static, dynamic.sample(noise, "dynamic", 1), noise).sum(1).mean()
        return {**terms, "reconstruction": 0.5 * (terms["reconstruction"] + again)}


class PooledTraining(StaticDynamicNetwork):
    """The static code is pooled over the windows in training too, not only after fit."""

    def posterior(
        self, batch: Windows, index: Tensor | None, noise: Noise, pooling: str = "mean"
    ) -> Posterior:
        """Posterior with the mean over all windows."""
        return super().posterior(batch, index, noise, pooling)


IDEAS = {
    "plain": StaticDynamicNetwork,
    "KL warm-up": KLWarmUp,
    "free bits": FreeBits,
    "denoising masks": Denoising,
    "instance normalisation": InstanceNorm,
    "shuffled static codes": ShuffledStatic,
    "pooling in training": PooledTraining,
}


def fit(idea: str, X: np.ndarray, window: int, seed: int, epochs: int) -> StaticDynamicVAE:
    """Fit the flagship with another network."""
    kind = type(idea, (StaticDynamicVAE,), {"_network": IDEAS[idea]})
    return kind(**SETTINGS, window=window, random_state=seed, max_epochs=epochs).fit(X)


def measure(benchmark: Benchmark, idea: str, seed: int, epochs: int) -> dict[str, float]:
    """Mean score of each task over the parts of the search, and seconds."""
    start = time.process_time()
    scores = []
    for split in benchmark.search:
        estimator = fit(idea, benchmark.data[split.train], benchmark.window, seed, epochs)
        codes = estimator.encode(benchmark.data)
        scores.append([task.validate(codes, split) for task in benchmark.tasks])
    means = np.mean(scores, axis=0).tolist()
    names = [task.name for task in benchmark.tasks]
    return dict(zip(names, means, strict=True)) | {"seconds": time.process_time() - start}


def main() -> None:
    """Measure the rows that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--ideas", nargs="*", choices=list(IDEAS), default=list(IDEAS))
    parser.add_argument("--datasets", nargs="*", choices=list(DATASETS), default=list(DATASETS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    done = {(row["dataset"], row["idea"], row["seed"], row["epochs"]) for row in read_rows(RESULTS)}
    jobs = [
        (dataset, idea, seed, options.epochs)
        for dataset in options.datasets
        for seed in range(options.seeds)
        for idea in options.ideas
    ]
    benchmarks = {name: DATASETS[name]() for name in options.datasets}
    with threadpool_limits(1):
        for job in tqdm([job for job in jobs if job not in done], unit="fit"):
            dataset, idea, seed, epochs = job
            scores = measure(benchmarks[dataset], idea, seed, epochs)
            add_row(
                RESULTS,
                {"dataset": dataset, "idea": idea, "seed": seed, "epochs": epochs, **scores},
            )


if __name__ == "__main__":
    main()

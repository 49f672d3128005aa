"""How much the estimator adds to a bare torch loop, and how little memory it keeps of a data set.

``python benchmarks/video_step.py`` times training steps and encodings of the same network over
the same clips, by the estimator and by a plain loop in turn, and prints medians and their ratio.
``--clips 20000`` trains one epoch from a memory-mapped file and prints how much the process's own
memory (RssAnon) has grown in training, and with the codes of all clips at the end. Both print
one line of JSON.
"""

import argparse
import json
import platform
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the root: "benchmarks" is a package there

import numpy as np
import torch
from skorch.callbacks import Callback

from benchmarks.measuring import interleave, own_memory, seconds
from tsdisentangle import StaticDynamicVAE, VideoEncoder
from tsdisentangle.losses import kl_gaussian, kl_standard_normal

FRAMES, SIZE = 8, 64


def make_estimator(width: int, features: int, batch_size: int) -> StaticDynamicVAE:
    return StaticDynamicVAE.from_preset(
        "sprites",
        encoder=VideoEncoder(size=SIZE, width=width, out_features=features),
        static_dim=features,
        dynamic_dim=features,
        batch_size=batch_size,
        max_epochs=1,
        random_state=0,
    )


# -- the bare loop ------------------------------------------------------------------------------


def as_images(clips: np.ndarray) -> torch.Tensor:
    """One batch of uint8 clips as ``(batch, frames, size * size, channels)`` floats."""
    return (torch.from_numpy(clips).float() / 255).flatten(2, 3)


def posterior(network: torch.nn.Module, values: torch.Tensor) -> tuple[Any, Any]:
    """Static and dynamic posterior with the anchor at the first frame, nothing else."""
    images = values.flatten(0, 1).unflatten(1, (SIZE, SIZE)).permute(0, 3, 1, 2)
    features = network.encoder.frames(images).unflatten(0, values.shape[:2])
    lengths = torch.full((len(values),), FRAMES)
    rest = features - features[:, :1]
    rest[:, 0] = torch.randn_like(rest[:, 0]) if network.training else 0.0
    hidden = network.lstm(rest, lengths)
    return network.static_head(features[:, 0]), network.dynamic_head(hidden)


def bare_step(network: torch.nn.Module, optimizer: Any, clips: np.ndarray) -> None:
    """One step of training on the paper's loss."""
    values = as_images(clips)
    static, dynamic = posterior(network, values)
    s = static.mean + static.std * torch.randn_like(static.mean)
    d = dynamic.mean + dynamic.std * torch.randn_like(dynamic.mean)
    codes = torch.cat([d, s[:, None].expand(-1, FRAMES, -1)], dim=-1)
    images = network.decoder.frames(codes.flatten(0, 1))
    pixels = images.permute(0, 2, 3, 1).flatten(1, 2).unflatten(0, values.shape[:2])
    error = (pixels - values).square().sum((2, 3))
    kl = kl_standard_normal(static) + kl_gaussian(dynamic, network.prior(d)).sum(1)
    loss = (error[:, 1:].sum(1) + 0.2 * error[:, 0] + 0.2 * kl).mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimizer.step()


def bare_epoch(network: torch.nn.Module, optimizer: Any, clips: np.ndarray, batch: int) -> None:
    network.train()
    for rows in torch.randperm(len(clips)).split(batch):
        bare_step(network, optimizer, clips[rows.numpy()])
    network.eval()


def bare_encode(network: torch.nn.Module, clips: np.ndarray, batch: int) -> None:
    with torch.inference_mode():
        for start in range(0, len(clips), batch):
            posterior(network, as_images(clips[start : start + batch]))


# -- measurements -------------------------------------------------------------------------------


def measure_step(
    width: int, features: int, batch: int, batches: int, rounds: int
) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    clips = rng.integers(0, 256, (batch * batches, FRAMES, SIZE, SIZE, 3), dtype=np.uint8)
    # One network for both, so that memory and weights cannot differ.
    estimator = make_estimator(width, features, batch).partial_fit(clips[:batch])
    network = estimator.net_.module_
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    spent = interleave(
        {
            "train": lambda: estimator.partial_fit(clips),
            "train_bare": lambda: bare_epoch(network, optimizer, clips, batch),
            "encode": lambda: estimator.encode(clips),
            "encode_bare": lambda: bare_encode(network, clips, batch),
        },
        rounds,
    )
    times = {name: statistics.median(each) for name, each in spent.items()}
    return {
        "width": width,
        "features": features,
        "batch": batch,
        "batches": batches,
        "rounds": rounds,
        "seconds_a_batch": {name: spent / batches for name, spent in times.items()},
        "train_ratio": times["train"] / times["train_bare"],
        "encode_ratio": times["encode"] / times["encode_bare"],
    }


def measure_memory(n_clips: int, width: int, features: int, batch: int) -> dict[str, Any]:
    """Growth of the process's memory over one epoch from a sparse memory-mapped file."""
    before = own_memory()
    shape = (n_clips, FRAMES, SIZE, SIZE, 3)
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(int(np.prod(shape)))
        clips = np.memmap(file.name, np.uint8, "r", shape=shape)
        peak = 0

        class Watch(Callback):
            def on_batch_end(self, net: Any, **kwargs: Any) -> None:
                nonlocal peak
                peak = max(peak, own_memory())

        estimator = make_estimator(width, features, batch).set_params(callbacks=[Watch()])
        spent = seconds(lambda: estimator.fit(clips))
        codes = estimator.encode(clips)
        after = own_memory()
    return {
        "clips": n_clips,
        "width": width,
        "features": features,
        "batch": batch,
        "seconds": spent,
        "codes": list(codes.dynamic.shape),
        "bytes_of_data": int(np.prod(shape)),
        "bytes_as_floats": 4 * int(np.prod(shape)),
        "grown_bytes_in_training": peak - before,
        "grown_bytes_with_codes": after - before,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, help="measure memory over so many clips instead")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--features", type=int, default=256, help="size of features and codes")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--batches", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.clips:
        result = measure_memory(given.clips, given.width, given.features, given.batch)
    else:
        result = measure_step(given.width, given.features, given.batch, given.batches, given.rounds)
    print(json.dumps(result | {"torch": torch.__version__, "machine": platform.machine()}))


if __name__ == "__main__":
    main()

"""Who moves, and how: look and action of animated characters change partners.

Sprites: clips of eight frames, 32 x 32 pixels here, of characters in six variants each of skin,
trousers, shirt and hair. The estimator sees no label; it trains for under a minute on one core.
That is short: only four of the nine actions take part, and colours and hands are not quite sharp.
Then it draws test characters, whose combinations it has never seen:

- ``swap.png``: the look of a row's clip with the action of a column's clip;
- ``swap.gif``: the same, moving;
- ``new_looks.gif``: one clip and its action with looks drawn from the prior;
- ``new_actions.gif``: one clip and its look with actions drawn from the prior.

Pictures of Sprites need their credit: ``fetch_sprites().DESCR`` has it, and it is written beside
them.

    python examples/sprites_swap.py [--seconds 45] [--output demo_output]
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the root: "benchmarks" is a package there

import imageio.v3 as iio
import matplotlib as mpl
import numpy as np

mpl.use("Agg")

import matplotlib.pyplot as plt

from benchmarks.tables.fits import Budget, fit_within
from benchmarks.tables.sprites import DynamicsFirst
from tsdisentangle import StaticDynamicVAE, VideoEncoder
from tsdisentangle.datasets import SequenceBunch, fetch_sprites
from tsdisentangle.presets.published import AS_PUBLISHED

SIZE = 32
ACTIONS = (0, 2, 4, 8)  # walk front, walk right, spellcast left, slash right
ZOOM, FRAME_MS = 4, 150


def make_estimator(size: int = SIZE) -> StaticDynamicVAE:
    """Return the estimator, in the sizes of the benchmark on a processor."""
    return StaticDynamicVAE(
        VideoEncoder(size=size, width=16, out_features=128, hidden=64),
        static_dim=32,
        dynamic_dim=16,
        beta=(1.0, 0.1),
        **AS_PUBLISHED,
        lr=2e-3,
        batch_size=16,
        callbacks=[DynamicsFirst(2, 10.0)],
        random_state=0,
    )


def choose(sprites: SequenceBunch) -> np.ndarray:
    """One test clip of each action, of characters that differ in every part."""
    looks = np.stack([sprites.static_target[part] for part in ("skin", "pants", "top", "hair")], 1)
    action = sprites.dynamic_target["action"][:, 0]
    chosen: list[int] = []
    for wanted in ACTIONS:
        for row in sprites.splits["test"]:
            if action[row] == wanted and (looks[row] != looks[chosen]).all():
                chosen.append(int(row))
                break
    return np.array(chosen)


def swap_grid(estimator: StaticDynamicVAE, clips: np.ndarray) -> np.ndarray:
    """Look by action, ``(n, n, frames, size, size, 3)``, each from another clip."""
    n = len(clips)
    look, action = np.repeat(np.arange(n), n), np.tile(np.arange(n), n)
    swapped, _ = estimator.swap(clips[look], clips[action])
    return swapped.reshape(n, n, *clips.shape[1:])


def with_originals(grid: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """Put the originals on top of and to the left of a grid, with an empty corner."""
    corner = np.zeros_like(clips[:1])
    top = np.concatenate([corner, clips])[None]
    return np.concatenate([top, np.concatenate([clips[:, None], grid], axis=1)])


def save_picture(grid: np.ndarray, path: Path) -> None:
    """Every second frame of a grid with originals as a picture."""
    n = len(grid)
    figure, axes = plt.subplots(n, n, figsize=(2.6 * n, 0.8 * n), layout="constrained")
    for row, line in zip(axes, grid, strict=True):
        for ax, clip in zip(row, line, strict=True):
            ax.imshow(np.concatenate(list(clip[::2]), axis=1))
            ax.axis("off")
    axes[0, 0].set_title("look: left, action: top", fontsize="medium")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def tile(grid: np.ndarray) -> np.ndarray:
    """Frames ``(frames, rows * size, columns * size, 3)``."""
    rows, columns, frames, height, width, colours = grid.shape
    moved = grid.transpose(2, 0, 3, 1, 4, 5)
    return moved.reshape(frames, rows * height, columns * width, colours)


def save_animation(grid: np.ndarray, path: Path) -> None:
    """A grid ``(rows, columns, frames, size, size, 3)`` as an endless GIF."""
    frames = tile(grid)
    large = frames.repeat(ZOOM, axis=1).repeat(ZOOM, axis=2)
    iio.imwrite(path, large, duration=FRAME_MS, loop=0)


def draw(estimator: StaticDynamicVAE, sprites: SequenceBunch, folder: Path) -> None:
    """Write the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = np.asarray(sprites.data[choose(sprites)])
    grid = with_originals(swap_grid(estimator, clips), clips)
    save_picture(grid, folder / "swap.png")
    save_animation(grid, folder / "swap.gif")
    codes = estimator.encode(clips[:1])
    frames = clips.shape[1]
    looks = estimator.sample(7, frames, dynamic=codes.dynamic[0])
    actions = estimator.sample(7, frames, static=codes.static[0])
    for name, drawn in (("new_looks", looks), ("new_actions", actions)):
        both = np.concatenate([clips[:1], drawn])
        save_animation(both.reshape(2, 4, *both.shape[1:]), folder / f"{name}.gif")
    (folder / "sprites_credit.txt").write_text(sprites.DESCR)


def main(arguments: list[str] | None = None) -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=45)
    parser.add_argument("--output", type=Path, default=Path("demo_output"))
    options = parser.parse_args(arguments)
    sprites = fetch_sprites(size=SIZE)
    rows = sprites.splits["train"]
    train = sprites.data[rows[np.isin(sprites.dynamic_target["action"][rows, 0], ACTIONS)]]
    print(f"Sprites: {len(train)} clips to train, one core, {options.seconds:.0f} s")
    fit = fit_within(make_estimator(), train, Budget(epochs=1000, seconds=options.seconds))
    print(f"{fit.epochs} epochs")
    draw(fit.estimator, sprites, options.output)
    print(f"pictures: {', '.join(str(p) for p in sorted(options.output.glob('*.[pg]*')))}")


if __name__ == "__main__":
    main()

"""The command line: from a table in a CSV file to a model file, codes and scores."""

import argparse
import ast
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tsdisentangle.data.frames import Panel
from tsdisentangle.methods import METHODS

# What needs torch is imported where it is used: help and refused tables do not wait for it.

# What a message of the library says to write in Python, and what to write here.
OPTIONS = {
    "missing='mask'": "--set missing=mask",
    "channels=[...]": "--channels NAME ...",
    "freq=...": "--freq STEP",
    "device='cpu'": "--set device=cpu",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, as ``tsdisentangle`` or ``python -m tsdisentangle``.

    Parameters
    ----------
    arguments : sequence of str, default=None
        Words after the name of the program; None takes those of the process.

    Returns
    -------
    int
        0; or 2 after an error, which is said in one line, and 130 after Ctrl-C: no file is written
        then, and one that was there stays. Words that are no command end the process with 2.
    """
    options = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = _warn
        try:
            options.run(options)
        except (ValueError, OSError, FloatingPointError, MemoryError, RuntimeError) as error:
            _say("error", error)
            return 2
        except KeyboardInterrupt:
            _say("error", "interrupted; no file was written.")
            return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tsdisentangle",
        description="Split series into what stays (static code) and what moves (dynamic code).",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    fit = commands.add_parser("fit", help="learn from a CSV file, and write a model file")
    encode = commands.add_parser("encode", help="write the codes of each series to a CSV file")
    score = commands.add_parser("score", help="write to a CSV file how usual each series is")
    inspect = commands.add_parser("inspect", help="say what is in a model file")
    for command, run in ((fit, _fit), (encode, _encode), (score, _score), (inspect, _inspect)):
        command.set_defaults(run=run)
        if command is not fit:
            command.add_argument("model", type=Path, help="model file that fit has written")
        if command is not inspect:
            _add_table(command)
    fit.add_argument("--channels", nargs="+", metavar="COLUMN", help="values; default: all others")
    fit.add_argument("--method", choices=list(METHODS), default="StaticDynamicVAE")
    name_value: dict[str, Any] = {"type": _assignment, "action": "append", "default": []}
    what = "a parameter of the method, as random_state=0, missing=mask or encoder__hidden=32"
    fit.add_argument("--set", **name_value, metavar="NAME=VALUE", help=what)
    score.add_argument("--steps", action="store_true", help="of each value instead of each series")
    return parser


def _add_table(parser: argparse.ArgumentParser) -> None:
    """What is read, how, and where the result goes."""
    parser.add_argument("data", type=Path, help="CSV file with a row per series and time")
    parser.add_argument("--id", nargs="+", required=True, metavar="COLUMN", help="the series")
    parser.add_argument("--time", required=True, metavar="COLUMN", help="ISO dates, or numbers")
    length = "length of a step: h, 15min, D, or a number; default: each row is a step"
    parser.add_argument("--freq", type=_value, metavar="STEP", help=length)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")


def _fit(options: argparse.Namespace) -> None:
    _check_output(options)
    panel = _read_panel(options, options.channels)
    from tsdisentangle.encoders import TabularEncoder
    from tsdisentangle.registry import registered_class

    # The encoder is the default one, as an object: so its parameters can be set.
    estimator = registered_class(options.method)(TabularEncoder())
    estimator.set_params(**dict(options.set)).fit(panel).save(options.output)
    print(f"{options.output}: {options.method}, fitted to {panel!r}")


def _encode(options: argparse.Namespace) -> None:
    estimator, panel = _load_with_panel(options)
    _write(estimator.encode(panel).to_frame(), options.output)


def _score(options: argparse.Namespace) -> None:
    estimator, panel = _load_with_panel(options)
    if options.steps:
        scores = estimator.score_steps(panel).to_frame()
    else:
        per_value = estimator.score_samples(panel, normalize="observed")
        scores = pd.DataFrame({"score": per_value}, index=panel.index)
    _write(scores, options.output)


def _inspect(options: argparse.Namespace) -> None:
    from tsdisentangle.persistence import inspect_model

    info = inspect_model(options.model)
    lines = {
        "method": info.class_name,
        "fitted to": f"{info.n_series} series",
        "channels": ", ".join(info.feature_names or [str(info.n_channels)]),
        "steps per window": info.window,
        "epochs": info.epochs,
        **{f"parameter {name}": repr(value) for name, value in info.parameters.items()},
        **{f"written with {name}": version for name, version in info.versions.items()},
    }
    for name, value in lines.items():
        print(f"{name}: {value}")


def _load_with_panel(options: argparse.Namespace) -> tuple[Any, Panel]:
    """Fitted estimator, and the table as a panel of the channels that it knows."""
    _check_output(options)
    from tsdisentangle.persistence import load

    estimator = load(options.model)
    names = getattr(estimator, "feature_names_in_", None)
    return estimator, _read_panel(options, None if names is None else list(names))


def _read_panel(options: argparse.Namespace, channels: list[str] | None) -> Panel:
    # Ids are text, so that 007 stays 007.
    try:
        frame = pd.read_csv(options.data, dtype=dict.fromkeys(options.id, str))
    except ValueError as error:
        raise ValueError(f"{options.data} is not a CSV file in UTF-8: {error}") from error
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError(f"{options.data} has rows with more values than its first line has names.")
    return Panel.from_long(
        frame, id=options.id, time=options.time, channels=channels, freq=options.freq
    )


def _check_output(options: argparse.Namespace) -> None:
    """Refuse before the work what could not be written after it, or would replace what is read."""
    output = options.output
    if not output.parent.is_dir():
        raise ValueError(f"-o {output}: there is no folder {str(output.parent)!r}; make it first.")
    read = [options.data, getattr(options, "model", options.data)]
    if output.is_dir() or output.resolve() in [path.resolve() for path in read]:
        raise ValueError(f"-o {output}: a folder, or a file that is read; name another file.")


def _write(frame: pd.DataFrame, output: Path) -> None:
    from tsdisentangle.persistence.files import write_whole

    write_whole(output, [frame.to_csv().encode()])
    print(f"{output}: {len(frame)} rows")


def _assignment(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE, as random_state=0")
    return name, _value(value)


def _value(text: str) -> Any:
    """Number, None, tuple or the like, where text is one of Python's; else the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _warn(message: Warning | str, *where: Any, **line: Any) -> None:
    _say("warning", message)


def _say(kind: str, message: object) -> None:
    line = " ".join(str(message).split())
    here = [option for words, option in OPTIONS.items() if words in line]
    hint = f" (Here: {', '.join(here)}.)" if here else ""
    print(f"tsdisentangle: {kind}: {line}{hint}", file=sys.stderr)

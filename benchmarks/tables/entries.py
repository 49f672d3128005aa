"""What the rows of the tables are: methods, their variants, raw features, classes of your own."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from inspect import signature
from typing import Any, NamedTuple

import numpy as np

from benchmarks.tables.rows import ANCHOR_TABLES, CLIP_TABLES, METHOD_TABLES, SPEAKER_TABLES
from tsdisentangle.data.codes import Codes
from tsdisentangle.data.scaling import ChannelScaler
from tsdisentangle.evaluation.raw_features import PLAIN, Features, RawFeatures, read, standardise
from tsdisentangle.methods import load_methods
from tsdisentangle.presets.tuned import has_tuned

METHODS = load_methods()


def is_searched(name: str) -> bool:
    """Whether a search has chosen parameters for a method; it has for all data sets or none."""
    return has_tuned("air-quality", name)


FLAGSHIP = "StaticDynamicVAE"
ANCHORS = ("first", "middle", "last", "random", "random_batch")

NO_LOSS: dict[str, Any] = {"anchor_loss": "none"}
NO_SUB: dict[str, Any] = {"subtract": False}
POOLED: dict[str, Any] = {"static_pooling": "mean"}

# What a table calls on an estimator. Its fit ends with a budget in tables 1, 2 and 7.
_IN_EPOCHS = ("fit", "partial_fit", "set_params", "encode")
CALLED = {
    **dict.fromkeys(CLIP_TABLES, (*_IN_EPOCHS, "decode", "sample", "reconstruct")),
    **dict.fromkeys(SPEAKER_TABLES, _IN_EPOCHS),
    **dict.fromkeys((*METHOD_TABLES, *ANCHOR_TABLES), ("fit", "encode")),
}


class Encoding(NamedTuple):
    """What encodes any series, and the processor seconds that its fit has cost."""

    encode: Callable[..., Codes]  # of series; for the published protocol also return_std=True
    seconds: float = 0.0


@dataclass(frozen=True)
class Entry:
    """A row of the tables, wherever it stands.

    Attributes
    ----------
    name : str
        As ``--methods`` takes it: the method, its variant after a slash, in tables 5 and 8 its
        anchor after an at sign.
    estimator : type or None, default=None
        Class of the estimator.
    params : mapping, default={}
        Its parameters in the place of the table's.
    trained : bool, default=True
        False leaves the network as it is initialised.
    tuned : bool, default=False
        Whether it has the parameters that the search has chosen.
    features : callable or None, default=None
        Instead of an estimator: takes training series, length of a window and seed, and returns an
        :class:`Encoding`. Without either the row is the constant.
    """

    name: str
    estimator: Any = None
    params: Mapping[str, Any] = field(default_factory=dict)
    trained: bool = True
    tuned: bool = False
    features: Callable[[Any, int, int], Encoding] | None = None

    @property
    def method(self) -> str:
        """Name in the results, where the anchor has a field of its own."""
        return self.name.partition("@")[0]

    @property
    def per_anchor(self) -> bool:
        """Whether the row is one of the tables of anchors."""
        return "@" in self.name

    @property
    def is_constant(self) -> bool:
        """Whether the row predicts the same for everybody."""
        return self.estimator is None and self.features is None

    def epochs(self, epochs: int) -> int:
        """Epochs of the row: none where nothing is trained."""
        return epochs if self.estimator is not None and self.trained else 0


def split_params(entry: Entry, params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters of the estimator of a row, of those of its table.

    Parameters
    ----------
    entry : Entry
        Its own parameters replace the table's.
    params : mapping
        An estimator takes those that it has.

    Returns
    -------
    of_fit, after_fit : dict
        The latter are read after fit alone, so that rows which differ only in them share a fit.

    Examples
    --------
    >>> row = Entry("mine", METHODS["StaticDynamicVAE"], {"static_pooling": "mean"})
    >>> split_params(row, {"lr": 0.1, "bells": 3})
    ({'lr': 0.1}, {'static_pooling': 'mean'})
    """
    known = signature(entry.estimator).parameters
    given = {name: value for name, value in {**params, **entry.params}.items() if name in known}
    later = getattr(entry.estimator, "_after_fit", ())
    return (
        {name: value for name, value in given.items() if name not in later},
        {name: value for name, value in given.items() if name in later},
    )


# -- raw features -------------------------------------------------------------------------------


def plain_features(features: Features, X: np.ndarray, window: int, seed: int) -> Encoding:
    """Features of the series as if they were a static code, of each window as dynamic codes."""
    scaler = ChannelScaler.fit(read(X))

    def encode(series: np.ndarray, return_std: bool = False) -> Codes:
        series = standardise(read(series), scaler)
        windows = _cut(series, window)
        dynamic = features(windows.reshape(-1, window, series.shape[2]))
        dynamic = dynamic.reshape(len(series), windows.shape[1], -1)
        lengths = np.full(len(series), windows.shape[1])
        codes = Codes(features(series), dynamic, lengths)
        if not return_std:
            return codes
        stds = (np.zeros_like(codes.static), np.zeros_like(dynamic))
        return replace(codes, static_std=stds[0], dynamic_std=stds[1])

    return Encoding(encode)


def _cut(series: np.ndarray, window: int) -> np.ndarray:
    """Windows ``(n, windows, window, channel)``; an incomplete last one is filled up with NaN."""
    n, time, channels = series.shape
    padded = np.pad(series, ((0, 0), (0, -time % window), (0, 0)), constant_values=np.nan)
    return padded.reshape(n, -1, window, channels)


def minirocket(X: np.ndarray, window: int, seed: int) -> Encoding:
    """MiniRocket over the whole series; it has no features of a window."""
    start = time.process_time()
    features = RawFeatures("minirocket", random_state=seed).fit(X)
    seconds = time.process_time() - start

    def encode(series: np.ndarray) -> Codes:
        nothing = np.zeros((len(series), 1, 0))
        return Codes(features.transform(series), nothing, np.ones(len(series), dtype=int))

    return Encoding(encode, seconds)


def mean_spectrum(spectrograms: Sequence[np.ndarray]) -> Codes:
    """Return the mean over time as if it were a static code, frames as dynamic ones."""
    lengths = np.array([len(x) for x in spectrograms])
    dynamic = np.zeros((len(lengths), lengths.max(), spectrograms[0].shape[1]))
    for row, x in zip(dynamic, spectrograms, strict=True):
        row[: len(x)] = x
    return Codes(np.array([x.mean(axis=0) for x in spectrograms]), dynamic, lengths)


def _mean_spectrum(X: Sequence[np.ndarray], window: int, seed: int) -> Encoding:
    return Encoding(mean_spectrum)


# -- rows of each table -------------------------------------------------------------------------


def entries_of(table: str, own: Sequence[type] = ()) -> list[Entry]:
    """Rows of a table, in its order.

    Parameters
    ----------
    table : {'1', '2', '3', '4', '5', '7', '8'}
    own : sequence of type, default=()
        Estimators of your own: they come last, trained and, where they have ``max_epochs``,
        untrained. In the tables of anchors, those that have the parameter ``anchor``.

    Returns
    -------
    list of Entry
    """
    flagship = METHODS[FLAGSHIP]
    if table in CLIP_TABLES:
        rows = _clip_entries(flagship)
    elif table in SPEAKER_TABLES:
        rows = _speaker_entries(flagship)
    elif table in METHOD_TABLES:
        rows = _method_entries(flagship)
    else:
        rows = [Entry("constant@"), *_anchor_entries(flagship)]
    for kind in own:
        if table not in ANCHOR_TABLES:
            rows += _trained_and_not(kind)
        elif has_parameter(kind, "anchor"):
            rows += _anchor_entries(kind)
    return rows


def _method_entries(flagship: type) -> list[Entry]:
    ablations = {
        "pooled": POOLED,
        "no_loss": NO_LOSS,
        "no_sub": NO_SUB,
        "no_both": NO_LOSS | NO_SUB,
    }
    others = [method for name, method in METHODS.items() if name != FLAGSHIP]
    return [
        Entry("constant"),
        Entry(FLAGSHIP, flagship),
        *(Entry(f"{FLAGSHIP}/{name}", flagship, params) for name, params in ablations.items()),
        Entry(f"{FLAGSHIP}/untrained", flagship, trained=False),
        Entry(f"{FLAGSHIP}/pooled_untrained", flagship, POOLED, trained=False),
        *(Entry(method.__name__, method) for method in others),
        *(Entry(f"{method.__name__}/untrained", method, trained=False) for method in others),
        *(
            Entry(f"{name}/tuned", METHODS[name], tuned=True)
            for name in METHODS
            if is_searched(name)
        ),
        Entry(f"{FLAGSHIP}/tuned_untrained", flagship, trained=False, tuned=True),
        Entry("raw/minirocket", features=minirocket),
        *(
            Entry(f"raw/{name}", features=partial(plain_features, features))
            for name, features in PLAIN.items()
        ),
    ]


def _anchor_entries(kind: type) -> list[Entry]:
    rows = [Entry(f"{kind.__name__}@{anchor}", kind, {"anchor": anchor}) for anchor in ANCHORS]
    if has_parameter(kind, "max_epochs"):
        rows.append(Entry(f"{kind.__name__}/untrained@first", kind, {"anchor": "first"}, False))
    return rows


def _clip_entries(flagship: type) -> list[Entry]:
    return [
        *_trained_and_not(flagship),
        Entry(f"{FLAGSHIP}/no_loss", flagship, NO_LOSS),
        Entry(f"{FLAGSHIP}/no_sub", flagship, NO_SUB),
        Entry(f"{FLAGSHIP}/no_both", flagship, NO_LOSS | NO_SUB),
    ]


def _speaker_entries(flagship: type) -> list[Entry]:
    return [
        Entry(FLAGSHIP, flagship),
        Entry(f"{FLAGSHIP}/anchor", flagship, {"static_pooling": "anchor"}),
        Entry(f"{FLAGSHIP}/no_loss", flagship, NO_LOSS),
        Entry(f"{FLAGSHIP}/no_sub", flagship, NO_SUB),
        Entry(f"{FLAGSHIP}/untrained", flagship, trained=False),
        Entry("raw/mean log-mel", features=_mean_spectrum),
    ]


def _trained_and_not(kind: type) -> list[Entry]:
    rows = [Entry(kind.__name__, kind)]
    if has_parameter(kind, "max_epochs"):
        rows.append(Entry(f"{kind.__name__}/untrained", kind, trained=False))
    return rows


def has_parameter(kind: type, parameter: str) -> bool:
    """Whether an estimator has a parameter."""
    return parameter in signature(kind).parameters


# -- a class of your own ------------------------------------------------------------------------


def load_estimator(text: str) -> type:
    """Return the class that ``--estimator`` names.

    Parameters
    ----------
    text : str
        ``mypackage.module:MyMethod``, to be found as an import would find it.

    Raises
    ------
    SystemExit
        Another form, no such module or class, or one without ``fit`` and ``encode``.
    """
    module, _, name = text.partition(":")
    if not (module and name):
        raise SystemExit(f"--estimator {text!r} has not the form mypackage.module:MyMethod.")
    try:
        kind = getattr(import_module(module), name, None)
    except ImportError as error:
        raise SystemExit(f"--estimator {text!r} cannot be imported: {error}.") from error
    if not isinstance(kind, type):
        raise SystemExit(f"--estimator {text!r}: {module} has no class {name!r}.")
    check_called(kind, ["fit", "encode"], f"--estimator {text!r}")
    if kind.__name__ in METHODS:
        raise SystemExit(f"--estimator {text!r}: the tables have a row {kind.__name__!r} already.")
    return kind


def check_called(kind: type, methods: Sequence[str], what: str) -> None:
    """Refuse a class that lacks a method.

    Parameters
    ----------
    kind : type
    methods : sequence of str
        Names of what is called.
    what : str
        Begins the message.

    Raises
    ------
    SystemExit
    """
    if missing := [name for name in methods if not callable(getattr(kind, name, None))]:
        raise SystemExit(f"{what}: {kind.__name__} has no {' and no '.join(missing)}.")

"""The estimator that every method shares."""

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state, metadata_routing
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data
from skorch.helper import predefined_split

from tsdisentangle.data.clips import FrameForm, Frames
from tsdisentangle.data.codes import Codes
from tsdisentangle.data.scaling import ChannelScaler, IndicatingScaler
from tsdisentangle.data.series import as_series
from tsdisentangle.data.sink import array_sink
from tsdisentangle.data.stored import StoredSeries
from tsdisentangle.data.windows import resolve_window
from tsdisentangle.encoders import TabularEncoder
from tsdisentangle.network import SequenceNetwork
from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.precision import DTYPES, check_precision, run_in
from tsdisentangle.persistence import save_model, stamp, unstamp
from tsdisentangle.persistence.checkpoint_file import (
    CheckpointFile,
    check_resumable,
    open_checkpoint,
)
from tsdisentangle.presets.tuned import tuned_preset
from tsdisentangle.training.callbacks import standard_callbacks
from tsdisentangle.training.dataset import Panel, SequenceDataset, as_dataset, hold_out
from tsdisentangle.training.inference import Inference, keep
from tsdisentangle.training.skorch_net import DisentanglingNet, check_device
from tsdisentangle.training.state import undone

COMPILER = "inductor"  # what torch.compile makes machine code with


class SequenceDisentangler(TransformerMixin, BaseEstimator):
    """Base of all methods: everything but the network.

    A subclass has the constructor's signature and :meth:`_build_network`. See
    :class:`~tsdisentangle.StaticDynamicVAE` for the parameters.
    """

    _parameter_constraints: dict[str, list[Any]] = {
        # get_params marks a parameter object: a torch module would share its weights among clones.
        "encoder": [None, HasMethods(["build", "decoder", "get_params"])],
        "decoder": [None, HasMethods(["build", "get_params"])],
        "window": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "dynamic_dim": [Interval(Integral, 1, None, closed="left")],
        "output": [StrOptions({"static", "dynamic", "both"})],
        "missing": [StrOptions({"error", "mask", "indicate"})],
        "standardize": ["boolean"],
        "max_epochs": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "early_stopping": ["boolean", Interval(Integral, 1, None, closed="left")],
        "callbacks": [None, list],
        "checkpoint_dir": [None, str, os.PathLike],
        "checkpoint_every": [Interval(Integral, 1, None, closed="left")],
        "device": [str, torch.device],
        "precision": [StrOptions(set(DTYPES))],
        "compile": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # Parameters that are read after fit alone: they may be changed then, and two fits that differ
    # in nothing else are one.
    _after_fit: tuple[str, ...] = ("output",)

    # An array to write to is nothing that a pipeline could route.
    __metadata_request__transform = {"out": metadata_routing.UNUSED}

    def __init__(
        self,
        encoder: Any,
        decoder: Any,
        *,
        window: int | str,
        dynamic_dim: int,
        output: str,
        missing: str,
        standardize: bool,
        max_epochs: int,
        batch_size: int,
        lr: float,
        validation_fraction: float,
        early_stopping: bool | int,
        callbacks: list[Any] | None,
        device: str | torch.device,
        precision: str,
        compile: bool,
        checkpoint_dir: str | os.PathLike | None,
        checkpoint_every: int,
        random_state: Any,
        verbose: int,
    ):
        self.encoder = encoder
        self.decoder = decoder
        self.window = window
        self.dynamic_dim = dynamic_dim
        self.output = output
        self.missing = missing
        self.standardize = standardize
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.callbacks = callbacks
        self.device = device
        self.precision = precision
        self.compile = compile
        self.checkpoint_dir = checkpoint_dir
        self.checkpoint_every = checkpoint_every
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def from_preset(cls, name: str, **params: Any) -> Self:
        """Estimator with the hyper-parameters that a search chose for a data set.

        Parameters
        ----------
        name : {'air-quality-tuned', 'physionet-tuned'}
            See the documentation page "Evaluation" for how they were chosen.
        **params
            Parameters that replace the preset's.

        Returns
        -------
        estimator

        Raises
        ------
        ValueError
            There is no preset of that name for this method.
        """
        return cls(**{**tuned_preset(name, cls.__name__), **params})

    # -- what a method adds ---------------------------------------------------------------------

    def _build_network(self, n_channels: int, window: int) -> SequenceNetwork:
        """Make the untrained network."""
        raise NotImplementedError

    def _encode_options(self) -> dict[str, Any]:
        """Return the options of the network's ``encode`` that may change after fit."""
        return {}

    def _schedule(self) -> dict[str, Any]:
        """Return what training takes from ``max_epochs``: a checkpoint holds for the same only."""
        return {}

    def _build_parts(
        self, code_dim: int, n_channels: int, window: int
    ) -> tuple[ElementEncoder, torch.nn.Module]:
        """Encoder and decoder networks from the parameter objects."""
        encoder = self._encoder_
        decoder = encoder.decoder() if self.decoder is None else self.decoder
        parts = encoder.build(n_channels, window), decoder.build(code_dim, n_channels, window)
        for part in parts:
            run_in(part, self.precision)
            if self.compile:  # in place: the names of the weights stay as they are
                part.compile(backend=COMPILER)
        return parts

    # -- fitting --------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the codes; labels are not used.

        Parameters
        ----------
        X : array, list of arrays or DataFrame
            ``(n, time)``, ``(n, time, channel)``, a list of ``(time_i, channel)``, or a DataFrame
            with a two-level index (series, time). An encoder may take another form: clips, with
            :class:`~tsdisentangle.VideoEncoder`. An array that lies in a file (numpy memmap,
            zarr, HDF5) is read a batch at a time.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Bad input or a bad parameter; the estimator stays as it was.
        CheckpointError
            What lies in ``checkpoint_dir`` is of other data or parameters (a ``ValueError``).
        ModelFileError
            It is damaged (a ``ValueError``).
        OSError
            A checkpoint cannot be written; the last one is still there.
        FloatingPointError
            The loss became NaN or infinite; the estimator stays as it was.
        KeyboardInterrupt
            Ctrl-C. The estimator has the state after the last finished epoch, and
            ``interrupted_`` is True; without a finished epoch it stays as it was.
        """
        self._validate_params()
        check_resumable(self)
        # Work on a copy, so that a fit that fails changes nothing.
        fitted = copy.copy(self)
        dataset = fitted._begin(X)
        try:
            fitted._train(dataset, self.max_epochs, open_checkpoint(fitted, dataset))
        except KeyboardInterrupt:
            if fitted.net_.whole_ and fitted.history_:
                self._become(fitted, interrupted=True)
            raise
        return self._become(fitted)

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train for one epoch over ``X``; the first call also sets the scale of the channels.

        Parameters
        ----------
        X : array, list of arrays or DataFrame
            As in :meth:`fit`.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Bad input or parameter, or ``early_stopping``, which needs the whole training panel, or
            ``checkpoint_dir``, which is for :meth:`fit`.
        FloatingPointError, KeyboardInterrupt
            As in :meth:`fit`; the estimator stays as it was before this call.
        """
        self._validate_params()
        if self.early_stopping:
            raise ValueError(
                "partial_fit cannot stop early; pass early_stopping=False, or use fit."
            )
        if self.checkpoint_dir is not None:
            raise ValueError(
                "partial_fit writes no checkpoints; pass checkpoint_dir=None, or use fit."
            )
        if hasattr(self, "net_"):
            with undone(self.random_state_):
                self._train(as_dataset(self._read(X), self.window_), 1)
            self.interrupted_ = False
            return self
        fitted = copy.copy(self)
        fitted._train(fitted._begin(X), 1)
        return self._become(fitted)

    def _begin(self, X: Any) -> SequenceDataset:
        """Forget a former fit, check the training panel and make the untrained network."""
        self._forget()
        dataset = self._learn_input(X)
        self._start(len(dataset))
        return dataset

    def _become(self, fitted: Self, interrupted: bool = False) -> Self:
        """Take over what a copy has learned."""
        self._forget()
        self.__dict__.update(vars(fitted))
        self.interrupted_ = interrupted
        return self

    def _forget(self) -> None:
        """Remove what a former fit has learned."""
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)

    def _learn_input(self, X: Any) -> SequenceDataset:
        """Check the training panel; set its form, scale and window."""
        self._encoder_ = self._own_encoder()
        panel = self._as_panel(X)
        self.n_channels_in_ = panel.n_channels
        self.n_features_in_ = self.n_channels_in_
        if panel.kind == "2d" or _is_frame(X):
            validate_data(self, X, reset=True, skip_check_array=True)
        self.kind_in_ = panel.kind
        self.window_ = self._resolve_window(int(panel.steps.max()))
        self.scaler_ = self._learn_scale(panel)
        return as_dataset(self.scaler_.transform(panel), self.window_)

    def _learn_scale(self, panel: Panel) -> ChannelScaler | FrameForm:
        """Return what brings a panel into the network's units, and back."""
        if isinstance(panel, Frames):
            return panel.form
        kind = IndicatingScaler if self.missing == "indicate" else ChannelScaler
        return kind.fit(panel) if self.standardize else kind.identity(panel.n_channels)

    def _resolve_window(self, time: int) -> int:
        """Steps of a window; the encoder may have its own idea of ``'auto'``."""
        if self.window == "auto" and hasattr(self._encoder_, "auto_window"):
            return self._encoder_.auto_window
        return resolve_window(self.window, time)

    def _own_encoder(self) -> Any:
        """Copy of the encoder's parameter object, which later changes to it do not reach."""
        for name in ("encoder", "decoder"):
            if isinstance(getattr(self, name), type):
                given = getattr(self, name).__name__
                raise ValueError(f"{name} is the class {given}; pass an instance: {given}().")
        return TabularEncoder() if self.encoder is None else copy.deepcopy(self.encoder)

    def _start(self, n_series: int) -> None:
        """Make the network and the training loop."""
        self.n_series_in_ = n_series
        self.random_state_ = check_random_state(self.random_state)
        check_device(self.device)
        check_precision(self.precision, self.device)
        with self._seeded():
            network = self._build_network(self.scaler_.n_modelled, self.window_)
            self.net_ = DisentanglingNet(
                network,
                precision=self.precision,
                optimizer=torch.optim.Adam,
                lr=self.lr,
                batch_size=self.batch_size,
                device=self.device,
                verbose=0,
                callbacks=self._callbacks(),
            ).initialize()
        self.history_ = self.net_.history

    def _callbacks(self) -> list[Any]:
        own = standard_callbacks(self.early_stopping, bool(self.verbose))
        return own + list(self.callbacks or [])

    @contextmanager
    def _seeded(self) -> Iterator[None]:
        """Seed torch from ``random_state`` inside the block; the global RNG stays untouched."""
        with torch.random.fork_rng():
            torch.manual_seed(int(self.random_state_.randint(2**31 - 1)))
            yield

    def _train(
        self, dataset: SequenceDataset, epochs: int, checkpoint: CheckpointFile | None = None
    ) -> None:
        if not epochs:
            self.net_.module_.eval()
            return
        train, split = dataset, None
        if self.early_stopping:
            train, valid = hold_out(dataset, self.validation_fraction, self.random_state_)
            split = predefined_split(valid)
        left = epochs if checkpoint is None else checkpoint.epochs_left
        self.net_.set_params(max_epochs=left, train_split=split)
        try:
            with self._seeded():
                self.net_.partial_fit(train, checkpoint=checkpoint)
        finally:
            self.net_.set_params(train_split=None)  # it holds the validation data

    # -- codes ----------------------------------------------------------------------------------

    def transform(self, X: Any, *, out: Any = None) -> np.ndarray:
        """Codes of each series, as one row of features.

        Parameters
        ----------
        X : array, list of arrays or DataFrame
            As in :meth:`fit`, with the channels of the training panel.
        out : array of shape (n, features), default=None
            Write to this array, a batch at a time, instead of to a new one; anything with
            ``shape``, ``dtype`` and assignment to rows, such as a numpy memmap or a zarr array.
            An error on the way leaves the batches before it written.

        Returns
        -------
        array of shape (n, features)
            The static code, the dynamic codes averaged over time, or both side by side, as
            ``output`` says. Posterior means. ``out``, if that was given.

        Raises
        ------
        ValueError
            Bad input, or ``out`` has another shape or dtype.
        """
        check_is_fitted(self)
        panel = self._read(X)
        features = array_sink(out, (len(panel), sum(self._shown().values())))
        for rows, codes in self._inference().encode_batches(panel, **self._encode_options()):
            features[rows] = self._features(codes)
        return features

    def _features(self, codes: Codes) -> np.ndarray:
        """Columns of :meth:`transform`."""
        if self.output == "static":
            return codes.static
        if self.output == "dynamic":
            return codes.mean_dynamic()
        return np.hstack([codes.static, codes.mean_dynamic()])

    def _shown(self) -> dict[str, int]:
        """Parts of the code that ``output`` shows, and their sizes."""
        network = self.net_.module_
        sizes = {"static": network.static_dim, "dynamic": network.dynamic_dim}
        return sizes if self.output == "both" else {self.output: sizes[self.output]}

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns of :meth:`transform`: ``static0``, ..., ``dynamic0``, ..."""
        check_is_fitted(self)
        _check_feature_names_in(self, input_features, generate_names=False)
        names = [f"{name}{i}" for name, size in self._shown().items() for i in range(size)]
        return np.array(names, dtype=object)

    def encode(
        self, X: Any, *, windows: Any = None, return_std: bool = False, out: Codes | None = None
    ) -> Codes:
        """Static code and dynamic codes of each series.

        Parameters
        ----------
        X : array, list of arrays or DataFrame
            As in :meth:`transform`.
        windows : int array of shape (n, picked), default=None
            Read only these windows of each series, numbered from 0, as if they were all, in this
            order; -1 behind the last one of a row. None reads all as they stand.
        return_std : bool, default=False
            Also return the posterior standard deviations.
        out : Codes, default=None
            Write to the arrays of these ``Codes``, a batch at a time, instead of to new ones:
            ``static`` ``(n, static_dim)``, ``dynamic`` ``(n, n_windows, dynamic_dim)`` and
            ``lengths`` ``(n,)``, and with ``return_std`` those of the standard deviations. Arrays
            as in :meth:`transform`.

        Returns
        -------
        Codes
            ``out``, if that was given. With ``windows``, NaN where nothing that was picked of a
            series has an observed value.

        Raises
        ------
        ValueError
            Bad input, ``windows`` that a series does not have, or an array of ``out`` has another
            shape or dtype.
        """
        check_is_fitted(self)
        return self._encode(self._read(X), return_std, out, windows)

    def decode(self, codes: Codes) -> np.ndarray:
        """Series that belong to codes, in the user's units.

        Parameters
        ----------
        codes : Codes
            Of this estimator, or edited.

        Returns
        -------
        array of shape (n, windows * window, channel)
            Without the channel axis where the estimator was fitted on a 2-D array. NaN behind a
            series' last window. Video: frames in the layout and dtype of the training clips, 0
            behind the last one if that is uint8.

        Raises
        ------
        ValueError
            Not ``Codes``, or of other sizes than those of this estimator.
        """
        inference = self._inference()
        inference.check(codes)
        values = inference.decode(codes.static, codes.dynamic)
        behind = np.arange(values.shape[1]) >= codes.lengths[:, None] * self.window_
        values[behind] = np.nan if values.dtype.kind == "f" else 0
        return self._drop_channel(values)

    def reconstruct(self, X: Any) -> Any:
        """Encode and decode.

        Steps behind a series' last observed window follow the mean of the dynamic prior.

        Parameters
        ----------
        X : array, list of arrays or DataFrame
            As in :meth:`transform`.

        Returns
        -------
        array, list of arrays or DataFrame
            In the form and units of ``X``.
        """
        check_is_fitted(self)
        panel = self._read(X)
        return panel.restore(self._inference(panel).decode_like(panel, self._encode(panel)))

    def impute(self, X: Any) -> Any:
        """Fill missing values by reconstruction; observed ones stay as they are.

        Parameters
        ----------
        X : array, list of arrays or DataFrame
            As in :meth:`transform`; NaN needs ``missing='mask'``.

        Returns
        -------
        array, list of arrays or DataFrame
            In the form and units of ``X``, without NaN.

        Raises
        ------
        ValueError
            ``X`` is video, whose pixels cannot be missing.
        """
        check_is_fitted(self)
        raw = self._check_input(X)
        if isinstance(raw, Frames):
            raise ValueError(
                "X is video, which cannot have missing values, so there is nothing to impute. "
                "Use reconstruct for the model's view of the frames."
            )
        if isinstance(raw, StoredSeries):  # the answer is as large, and wanted in memory
            raw = raw.load()
        series = self.scaler_.transform(raw)
        filled = self._inference().decode_like(series, self._encode(series))
        return series.restore(np.where(raw.observed, raw.values, filled))

    def swap(self, X1: Any, X2: Any) -> tuple[Any, Any]:
        """Exchange the static codes of two panels, row by row.

        Parameters
        ----------
        X1, X2 : array, list of arrays or DataFrame
            With the same number of series.

        Returns
        -------
        X12 : in the form of ``X2``
            Static codes of ``X1`` with the dynamics of ``X2``.
        X21 : in the form of ``X1``
            Static codes of ``X2`` with the dynamics of ``X1``.
        """
        check_is_fitted(self)
        first, second = self._read(X1), self._read(X2)
        if len(first) != len(second):
            raise ValueError(
                f"X1 has {len(first)} series and X2 has {len(second)}; swap pairs them row by "
                "row, so pass the same number."
            )
        codes1, codes2 = self._encode(first), self._encode(second)
        one, two = self._inference(first), self._inference(second)
        return (
            second.restore(two.decode_like(second, codes2, static=codes1.static)),
            first.restore(one.decode_like(first, codes1, static=codes2.static)),
        )

    def sample(
        self,
        n: int,
        length: int,
        *,
        static: np.ndarray | None = None,
        dynamic: np.ndarray | None = None,
        dynamic_prior: str = "sample",
    ) -> np.ndarray:
        """Draw series from the prior, or only one factor of them.

        Parameters
        ----------
        n : int
            Number of series.
        length : int
            Time steps.
        static : array of shape (n, static_dim) or (static_dim,), default=None
            Keep these static codes instead of drawing them.
        dynamic : array of shape (n, windows, dynamic_dim) or (windows, dynamic_dim), default=None
            Keep these dynamic codes instead of drawing them.
        dynamic_prior : {'sample', 'mean_path'}, default='sample'
            Decode the drawn dynamics, or, as the published evaluations do, the step means of a
            roll-out that is fed with draws.

        Returns
        -------
        array of shape (n, length, channel)
            In the user's units; the same for the same ``random_state``. Without the channel axis
            where the estimator was fitted on a 2-D array. Video: frames in the layout and dtype
            of the training clips.
        """
        if n < 1 or length < 1:
            raise ValueError(f"n and length must be at least 1, got n={n} and length={length}.")
        if dynamic_prior not in ("sample", "mean_path"):
            raise ValueError(f"dynamic_prior is {dynamic_prior!r}; expected 'sample', 'mean_path'.")
        inference = self._inference()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        windows = -(-length // self.window_)
        drawn = inference.sample(n, windows, seed, dynamic_prior == "mean_path")
        static, dynamic = keep("static", static, drawn[0]), keep("dynamic", dynamic, drawn[1])
        return self._drop_channel(inference.decode(static, dynamic)[:, :length])

    # -- scores ---------------------------------------------------------------------------------

    def score_samples(self, X: Any) -> np.ndarray:
        """Evidence lower bound of each series; low values point at anomalies.

        Each observed value counts once (and each mark of the missing pattern, where that is
        modelled), all weights are 1 whatever the training weights were, in standardised units,
        summed over the series. The draws are fixed and shared by all rows.

        Parameters
        ----------
        X : array, list of arrays or DataFrame
            As in :meth:`transform`.

        Returns
        -------
        float64 array of shape (n,)
            Nats.
        """
        return -np.sum(list(self.score_terms(X).values()), axis=0)

    def score_terms(self, X: Any) -> dict[str, np.ndarray]:
        """Parts of each series' score: what it costs to reconstruct, and what the codes tell.

        Parameters
        ----------
        X : array, list of arrays or DataFrame
            As in :meth:`transform`.

        Returns
        -------
        dict of str to float64 array of shape (n,)
            Nats. ``'reconstruction'`` is the negative log-likelihood, ``'static_kl'`` and
            ``'dynamic_kl'`` (over all windows) are the divergences of the codes from their priors;
            a method without a static code of its own has no ``'static_kl'``. A static code that
            is pooled after fit has no part in them: they are of the anchor's. The sum is minus
            :meth:`score_samples`.
        """
        check_is_fitted(self)
        return self._inference().bound(self._read(X))

    def score(self, X: Any, y: Any = None) -> float:
        """Mean of :meth:`score_samples`, so that searches run without labels.

        Parameters
        ----------
        X : array, list of arrays or DataFrame
            As in :meth:`transform`.
        y : None
            Ignored.

        Returns
        -------
        float
            Nats a series.
        """
        return float(self.score_samples(X).mean())

    # -- files ----------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike) -> None:
        """Write the fitted estimator into a model file, for :func:`tsdisentangle.load`.

        The file holds no code and no training data; see the documentation page "Model files". It
        takes its place only when it is complete.

        Parameters
        ----------
        path : str or path
            A file that stands there is replaced.

        Raises
        ------
        ModelFileError
            A parameter that the format cannot hold, such as ``callbacks``, or one that was changed
            after fit in a way that does not fit the network.
        OSError
            The file cannot be written.
        """
        check_is_fitted(self)
        save_model(self, path)

    def __getstate__(self) -> dict[str, Any]:
        return stamp(super().__getstate__())

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(unstamp(state, type(self).__name__))

    # -- helpers --------------------------------------------------------------------------------

    def _as_panel(self, X: Any) -> Any:
        """Check a panel as the encoder reads it: series, or what its own ``read`` returns."""
        read = getattr(self._encoder_, "read", as_series)
        return read(X, missing=self.missing)

    def _check_input(self, X: Any) -> Any:
        """Check a panel against the training panel; raw units."""
        if _is_frame(X):  # a wrong column says more than the values in it
            validate_data(self, X, reset=False, skip_check_array=True)
        panel = self._as_panel(X)
        if panel.kind == self.kind_in_ == "2d":
            validate_data(self, X, reset=False, skip_check_array=True)
        if panel.n_channels != self.n_channels_in_:
            time = panel.steps.max()
            hint = (
                " Channels are the last axis; perhaps X needs np.swapaxes(X, 1, 2)?"
                if time == self.n_channels_in_
                else ""
            )
            shape = (len(panel), int(time), panel.n_channels)
            raise ValueError(
                f"X has {panel.n_channels} channels, but {type(self).__name__} was fitted with "
                f"{self.n_channels_in_}; got shape {shape} (n, time, channel).{hint}"
            )
        return panel

    def _read(self, X: Any) -> Any:
        """Check a panel against the training panel, and standardise it."""
        return self.scaler_.transform(self._check_input(X))

    def _inference(self, panel: Panel | None = None) -> Inference:
        """Return the fitted network with what it needs to be applied, to a panel's form.

        Raises
        ------
        NotFittedError
        """
        check_is_fitted(self)
        net = self.net_
        scaler = panel.form if isinstance(panel, Frames) else self.scaler_
        return Inference(net.module_, scaler, self.window_, self.batch_size, net.device)

    def _encode(
        self,
        panel: Panel,
        return_std: bool = False,
        out: Codes | None = None,
        windows: Any = None,
    ) -> Codes:
        options = self._encode_options()
        return self._inference().encode(panel, return_std, out, windows, **options)

    def _drop_channel(self, values: np.ndarray) -> np.ndarray:
        return values[..., 0] if self.kind_in_ == "2d" else values

    def set_params(self, **params: Any) -> Self:
        """Set parameters, nested ones as ``encoder__hidden``.

        Raises
        ------
        ValueError
            An unknown name, or a nested one of a part that is None.
        """
        for name in params:
            part, _, rest = name.partition("__")
            if rest and part not in params and getattr(self, part, self) is None:
                raise ValueError(
                    f"{name} cannot be set because {part} is None, the default. Pass an object: "
                    f"{type(self).__name__}({part}=Tabular{part.capitalize()}())."
                )
        return super().set_params(**params)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing != "error"
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def weight_pair(name: str, value: Any) -> tuple[float, float]:
    """Weights of the static and the dynamic part of a term, from a number or a pair.

    Raises
    ------
    ValueError
        Not two numbers, or one below 0.
    """
    pair = value if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2 or min(pair) < 0:
        raise ValueError(
            f"{name} is {value!r}; expected a number, or a pair (static, dynamic), at least 0."
        )
    return float(pair[0]), float(pair[1])


def _is_frame(X: Any) -> bool:
    return hasattr(X, "columns")

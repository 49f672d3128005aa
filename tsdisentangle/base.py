"""The estimator that every method shares."""

import copy
import os
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state, metadata_routing
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from tsdisentangle.data.codes import Codes, check_out
from tsdisentangle.data.panel import CheckedPanel
from tsdisentangle.network import SequenceNetwork
from tsdisentangle.nn.hiding import HIDDEN_KINDS
from tsdisentangle.nn.precision import DTYPES
from tsdisentangle.nn.torch_state import plain_torch
from tsdisentangle.persistence import save_model, stamp, unstamp
from tsdisentangle.persistence.checkpoint_file import check_resumable, open_checkpoint
from tsdisentangle.presets import load_preset
from tsdisentangle.training.building import initialize_net
from tsdisentangle.training.dataset import SequenceDataset
from tsdisentangle.training.epochs import warn_if_short
from tsdisentangle.training.identity import check_target, pair_rows, with_ids
from tsdisentangle.training.inference import Inference, check_sample, given_or_drawn
from tsdisentangle.training.input import check_input, check_nested, check_partial_fit, learn_input
from tsdisentangle.training.state import restore_rng_on_error


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
        "observation_scale": [StrOptions({"fitted", "decoder"})],
        "hidden_share": [Interval(Real, 0, 1, closed="left")],
        "hidden_kind": [StrOptions({*HIDDEN_KINDS, "mixed"})],
        "max_epochs": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")],
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

    # Parameters that are read after fit alone: fits that differ in nothing else are one.
    _after_fit: tuple[str, ...] = ("output",)
    # What a parameter means in model files from before it existed.
    _before: dict[str, Any] = {"observation_scale": "decoder"}
    # An array to write to is nothing that a pipeline could route.
    __metadata_request__transform = {"out": metadata_routing.UNUSED}

    def __init__(self, **params: Any):
        # A subclass names its parameters one by one, as scikit-learn asks for.
        self.__dict__.update(params)

    @classmethod
    def from_preset(cls, name: str, **params: Any) -> Self:
        """Estimator with hyper-parameters of a data set: published ones, or our own.

        Parameters
        ----------
        name : str
            ``'air-quality-tuned'``, ``'physionet-tuned'``: what a search chose (page "Evaluation").
            Of ``StaticDynamicVAE`` also ``'paper'``, its form with nothing else on, and Table 6 of
            Berman et al. (2024): ``'sprites'``, ``'mug'``, ``'timit'``, ``'physionet-mortality'``,
            ``'physionet-icu'``, ``'air-quality'``, ``'etth1'``; the released code's: ``-released``.
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
        return cls(**{**load_preset(cls.__name__, name), **params})

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the codes; labels are not used.

        Parameters
        ----------
        X : array, list of arrays, DataFrame or Panel
            ``(n, time)``, ``(n, time, channel)``, a list of ``(time_i, channel)``, a DataFrame with
            a two-level index (series, time), or a :class:`~tsdisentangle.Panel`, which splitters
            keep whole series of. An encoder may take another form: clips, with
            :class:`~tsdisentangle.VideoEncoder`. An array that lies in a file (numpy memmap,
            zarr, HDF5) is read a batch at a time.
        y : None
            Ignored, but refused if it is a pandas object of the same series in another order.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Bad input or a bad parameter; the estimator stays as it was.
        CheckpointError, ModelFileError
            What lies in ``checkpoint_dir`` is of another fit, or in use; or damaged.
        OSError
            A checkpoint cannot be written; the last one is still there.
        FloatingPointError
            The loss became NaN or infinite; the estimator stays as it was.
        KeyboardInterrupt
            Ctrl-C. The estimator has the state after the last finished epoch, and
            ``interrupted_`` is True; without a finished epoch it stays as it was.
        """
        with plain_torch():
            self._validate_params()
            check_resumable(self)
            fitted, dataset = self._prepare(X)
            check_target(dataset.panel, y)
            try:
                with open_checkpoint(fitted, dataset) as checkpoint:
                    fitted._train(dataset, fitted.max_epochs_, checkpoint)
                warn_if_short(fitted)
            except KeyboardInterrupt:
                if fitted.net_.at_epoch_end_ and fitted.history_:
                    fitted._learn_static_prior(dataset)
                    self._adopt(fitted, interrupted=True)
                raise
            return self._adopt(fitted)

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
        with plain_torch():
            self._validate_params()
            check_partial_fit(self)
            if hasattr(self, "net_"):
                with restore_rng_on_error(self.random_state_):
                    self._train(SequenceDataset(self._read(X), self.window_), 1)
                self.interrupted_ = False
                return self
            fitted, dataset = self._prepare(X)
            fitted._train(dataset, 1)
            return self._adopt(fitted)

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
        panel = self._read(X)
        features = check_out(out, (len(panel), sum(self._shown().values())))
        for rows, codes in self._inference().encode_batches(panel):
            features[rows] = codes.features(self.output)
        return with_ids(self, features, panel)

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
            order; -1 after the last one of a row. None reads all as they stand.
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
        return self._inference().encode(self._read(X), return_std, out, windows)

    def decode(self, codes: Codes) -> np.ndarray:
        """Series that belong to codes, in the user's units.

        Parameters
        ----------
        codes : Codes
            Of this estimator, or edited.

        Returns
        -------
        array of shape (n, windows * window, channel)
            Without the channel axis where the estimator was fitted on a 2-D array. NaN beyond a
            series' last window. Video: frames in the layout and dtype of the training clips, 0
            beyond the last one if that is uint8.

        Raises
        ------
        ValueError
            Not ``Codes``, or of other sizes than those of this estimator.
        """
        inference = self._inference()
        inference.check(codes)
        values = inference.decode(codes.static, codes.dynamic, self.scaler_, codes.lengths)
        beyond = np.arange(values.shape[1]) >= codes.lengths[:, None] * self.window_
        values[beyond] = np.nan if values.dtype.kind == "f" else 0
        return self._drop_channel(values)

    def reconstruct(self, X: Any) -> Any:
        """Encode and decode.

        Steps beyond a series' last observed window follow the mean of the dynamic prior.

        Parameters
        ----------
        X : array, list of arrays or DataFrame
            As in :meth:`transform`.

        Returns
        -------
        array, list of arrays or DataFrame
            In the form and units of ``X``: container, names, and dtype if that is one of floats.
        """
        panel, inference = self._read(X), self._inference(decode=True)
        return panel.restore(inference.decode_like(panel, inference.encode(panel)))

    def impute(self, X: Any) -> Any:
        """Fill missing values by reconstruction; observed ones stay as they are.

        Parameters
        ----------
        X : array, list of arrays or DataFrame
            As in :meth:`transform`; NaN needs ``missing='mask'``.

        Returns
        -------
        array, list of arrays or DataFrame
            A copy of ``X`` without NaN: observed values to the last bit, floats in their dtype; of
            others, a column with gaps becomes float64, or ``Float64`` if it is nullable.

        Raises
        ------
        ValueError
            ``X`` is of a kind whose values cannot be missing, such as video.
        """
        inference, raw = self._inference(decode=True), check_input(self, X)
        if not raw.may_be_missing:
            raise ValueError(
                "X is of a kind, such as video, which cannot have missing values, so there is "
                "nothing to impute. Use reconstruct for the model's view of it."
            )
        panel = raw.scaled_by(self.scaler_)
        filled = inference.decode_like(panel, inference.encode(panel))
        observed: Any = raw.cut(slice(None)).observed  # where values may be missing, not None
        return panel.restore(filled, observed[:, :, 0])

    def swap(self, X1: Any, X2: Any) -> tuple[Any, Any]:
        """Exchange the static codes of two panels: by id if both have the same, else by row.

        Parameters
        ----------
        X1, X2 : array, list of arrays or DataFrame
            With the same number of series; of frames, all ids in common or none.

        Returns
        -------
        X12 : in the form of ``X2``
            Static codes of ``X1`` with the dynamics of ``X2``.
        X21 : in the form of ``X1``
            Static codes of ``X2`` with the dynamics of ``X1``.
        """
        first, second, inference = self._read(X1), self._read(X2), self._inference(decode=True)
        of_second, of_first = pair_rows(first, second)
        codes1, codes2 = inference.encode(first), inference.encode(second)
        return (
            second.restore(inference.decode_like(second, codes2, static=codes1.static[of_second])),
            first.restore(inference.decode_like(first, codes1, static=codes2.static[of_first])),
        )

    def sample(
        self,
        n: int,
        length: int,
        *,
        static: np.ndarray | None = None,
        dynamic: np.ndarray | None = None,
        dynamic_prior: str = "sample",
        observation_noise: bool = False,
    ) -> np.ndarray:
        """Draw series from the prior, or only one factor of them.

        Means of the likelihood come out, smoother than data, unless ``observation_noise=True``.

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
        observation_noise : bool, default=False
            Draw from the likelihood. That of video stands for a squared error (variance 1/2), and
            its draws are limited to [0, 1].

        Returns
        -------
        array of shape (n, length, channel)
            In the user's units; the same for the same ``random_state``. Without the channel axis
            where fitted on a 2-D array. Video: frames as those of the training clips.
        """
        inference, rng = self._inference(), check_random_state(self.random_state)
        check_sample(n, length, dynamic_prior)
        seed, windows = int(rng.randint(2**31 - 1)), -(-length // self.window_)
        drawn = inference.sample(n, windows, seed, dynamic_prior == "mean_path")
        static = self._draw_static(drawn[0], seed) if static is None else static
        static = given_or_drawn("static", static, drawn[0])
        dynamic = given_or_drawn("dynamic", dynamic, drawn[1])
        noise_seed = int(rng.randint(2**31 - 1)) if observation_noise else None
        values = inference.decode(static, dynamic, self.scaler_, noise_seed=noise_seed)[:, :length]
        return self._drop_channel(values)

    def score_samples(self, X: Any, *, normalize: str | None = None) -> np.ndarray:
        """Evidence lower bound of each series; low values point at anomalies.

        Of its density in the user's units (of video, pixels from 0 to 1), so that fits with other
        scales compare. Each observed value counts once (and each mark of the missing pattern, where
        that is modelled, so such fits compare with each other only), whatever the training weights
        were. Windows before the first and after the last observed value add nothing; one between
        them costs what its codes cost. The draws are fixed and shared by all rows.

        Parameters
        ----------
        X : array, list of arrays or DataFrame
            As in :meth:`transform`.
        normalize : {'observed'}, default=None
            Divide by each series' number of observed values: a sum is lower for length alone.

        Returns
        -------
        float64 array of shape (n,)
            Nats, or nats per observed value.
        """
        if normalize not in (None, "observed"):
            raise ValueError(f"normalize is {normalize!r}; expected None or 'observed'.")
        panel, inference = self._read(X), self._inference()
        score = -np.sum(list(inference.bound(panel).values()), axis=0)
        return score if normalize is None else score / inference.n_observed(panel)

    def score_steps(self, X: Any) -> Any:
        """Log-density of each observed value given the codes: low values are odd moments.

        Parameters
        ----------
        X : array, list of arrays or DataFrame
            As in :meth:`transform`.

        Returns
        -------
        array, list of arrays or DataFrame
            In the form of ``X``: nats, of densities in its units; NaN where nothing was observed.

        Raises
        ------
        ValueError
            Bad input, or clips, whose pixels are no channels.
        """
        panel = self._read(X)
        return panel.restore(self._inference(decode=True).log_likelihood(panel))

    def score_terms(self, X: Any) -> dict[str, np.ndarray]:
        """Parts of each series' score: what it costs to reconstruct, and what the codes cost.

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
            Nats per series.
        """
        return float(self.score_samples(X).mean())

    def save(self, path: Any) -> None:
        """Write the fitted estimator into a model file, for :func:`tsdisentangle.load`.

        The file holds no code and no training data; see the documentation page "Model files".

        Parameters
        ----------
        path : str, path or file open in binary mode
            A file that stands there is replaced, when the new one is complete.

        Raises
        ------
        ModelFileError
            A parameter that the format cannot hold (``callbacks`` are left out, with a warning), or
            one that was changed after fit in a way that does not fit the network.
        OSError
            The file cannot be written.
        """
        check_is_fitted(self)
        save_model(self, path)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, nested ones as ``encoder__hidden``.

        Raises
        ------
        ValueError
            An unknown name, or a nested one of a part that is None.
        """
        check_nested(self, params)
        return super().set_params(**params)

    # -- what a method defines ------------------------------------------------------------------

    def _build_network(self, n_channels: int, window: int) -> SequenceNetwork:
        """Make the untrained network."""
        raise NotImplementedError

    def _encode_options(self) -> dict[str, Any]:
        """Return the options of the network's ``encode`` that may change after fit."""
        return {}

    def _callbacks(self) -> list[tuple[str, Any]]:
        """Return skorch callbacks that the method trains with; they come before all others."""
        return []

    def _learn_static_prior(self, dataset: SequenceDataset) -> None:
        """Look at the training series once more, after training."""

    def _draw_static(self, normal: np.ndarray, seed: int) -> np.ndarray:
        """Return static codes to sample with, from the network's draws of its own prior."""
        return normal

    def _schedule(self) -> dict[str, Any]:
        """Return what training takes from ``max_epochs``: a checkpoint holds for the same only."""
        return {}

    # -- the way to the network -----------------------------------------------------------------

    def _prepare(self, X: Any) -> tuple[Self, SequenceDataset]:
        """Unfitted copy with an untrained network, so that a fit that fails changes nothing."""
        fitted = copy.copy(self)._reset()
        panel = learn_input(fitted, X)
        initialize_net(fitted, len(panel))
        return fitted, SequenceDataset(panel, fitted.window_)

    def _reset(self) -> Self:
        """Remove what a former fit has learned."""
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        return self

    def _adopt(self, fitted: Self, interrupted: bool = False) -> Self:
        """Take over what a copy has learned."""
        self._reset().__dict__.update(vars(fitted))
        self.interrupted_ = interrupted
        return self

    def _train(self, dataset: SequenceDataset, epochs: int, checkpoint: Any = None) -> None:
        held_out = self.validation_fraction if self.early_stopping else None
        self.net_.train(dataset, epochs, self.random_state_, held_out, checkpoint)
        self._learn_static_prior(dataset)

    def _read(self, X: Any) -> CheckedPanel:
        """Check a panel against the training panel, and bring it into the network's units."""
        check_is_fitted(self)
        return check_input(self, X).scaled_by(self.scaler_)

    def _inference(self, decode: bool = False) -> Inference:
        """Fitted network, ready to be applied; with ``decode``, to codes as in training."""
        check_is_fitted(self)
        net, options = self.net_, {} if decode else self._encode_options()
        return Inference(net.module_, self.window_, self.batch_size, net.device, options)

    def _shown(self) -> dict[str, int]:
        """Parts of the code that ``output`` shows, and their sizes."""
        network = self.net_.module_
        sizes = {"static": network.static_dim, "dynamic": network.dynamic_dim}
        return sizes if self.output == "both" else {self.output: sizes[self.output]}

    def _drop_channel(self, values: np.ndarray) -> np.ndarray:
        return values[..., 0] if self.kind_in_ == "2d" else values

    def __getstate__(self) -> dict[str, Any]:
        return stamp(super().__getstate__())

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(unstamp(state, type(self).__name__))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing != "error"
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

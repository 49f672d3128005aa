"""Hierarchical VAE whose static codes have a prior of their own (Hsu et al. 2017)."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.utils._param_validation import Interval
from skorch.callbacks import Callback
from torch import Tensor, nn

from tsdisentangle.data.windows import Windows
from tsdisentangle.losses import kl_standard_normal
from tsdisentangle.losses.discrimination import tell_sequences_apart
from tsdisentangle.losses.sequence_mean import estimate_mean, sequence_kl
from tsdisentangle.methods._static_code import StaticCodeDisentangler
from tsdisentangle.network import Posterior, SequenceNetwork, weight_pair
from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.gaussian import Gaussian, GaussianHead
from tsdisentangle.nn.noise import Noise
from tsdisentangle.training.building import build_parts
from tsdisentangle.training.dataset import SequenceDataset

SEGMENT_VARIANCE = 0.25  # of the static code of a window around that of its series


class FHVAENetwork(SequenceNetwork):
    """Network of :class:`FHVAE`; its parameters are described there."""

    def __init__(
        self,
        encoder: ElementEncoder,
        decoder: nn.Module,
        *,
        static_dim: int,
        dynamic_dim: int,
        n_series: int,
        weights: dict[str, float],
    ):
        super().__init__(decoder, static_dim, dynamic_dim, weights)
        features = encoder.out_features
        self.encoder = encoder
        self.static_head = GaussianHead(features, static_dim)
        self.dynamic_hidden = nn.Linear(features + static_dim, features)
        self.dynamic_head = GaussianHead(features, dynamic_dim)
        self.series_means = nn.Parameter(nn.init.normal_(torch.empty(n_series, static_dim)))
        self._compared: Tensor | None = None  # rows of the table; None for all

    def compare(self, rows: Tensor | None) -> None:
        """Say which series are trained on; no window is taken for one of another series."""
        self._compared = None if rows is None else rows.to(self.series_means.device)

    def segment_posterior(
        self, features: Tensor, observed: Tensor, means: Tensor | None
    ) -> tuple[Gaussian, Gaussian]:
        """``q(z_2 | x_n)`` of each window, and the posterior of the series' mean given all.

        Of a window without an observed value the first is the prior around ``means``
        ``(batch, s)``; None takes those of the second.
        """
        q = self.static_head(self.encoder.static_summary(features, observed))
        present = self.encoder.readable(observed)
        posterior = estimate_mean(q.mean, present, SEGMENT_VARIANCE)
        means = posterior.mean if means is None else means
        logvar = q.logvar.where(present[..., None], math.log(SEGMENT_VARIANCE))
        return Gaussian(q.mean.where(present[..., None], means[:, None]), logvar), posterior

    def dynamic_posterior(self, features: Tensor, observed: Tensor, segments: Tensor) -> Gaussian:
        """``q(z_1 | x_n, z_2)``, for each of the draws ``(draws, batch, windows, s)``."""
        summary = self.encoder.dynamic_summary(features, observed)
        both = torch.cat([summary.expand(len(segments), *summary.shape), segments], dim=-1)
        return self.dynamic_head(torch.tanh(self.dynamic_hidden(both)))

    def encode(self, batch: Windows, **options: Any) -> Posterior:
        """Posterior of the series' mean, and of the dynamic codes at the means of ``z_2``."""
        features = self.encoder(batch.values, batch.observed)
        segments, static = self.segment_posterior(features, batch.observed, None)
        dynamic = self.dynamic_posterior(features, batch.observed, segments.mean[None])
        return Posterior(static, Gaussian(*(part[0] for part in dynamic)))

    def decode(
        self, static: Tensor, dynamic: Tensor, noise: Noise, valid: Tensor | None = None
    ) -> Gaussian:
        """Each window from ``z_1`` and ``z_2``, which is drawn around the series' mean.

        ``static`` of shape ``(rows, windows, s)`` is ``z_2`` itself.
        """
        if static.dim() == 2:
            static = static[:, None].expand(-1, dynamic.shape[1], -1)
            static = static + SEGMENT_VARIANCE**0.5 * noise("segment", static.shape, static)
        return self.predict(torch.cat([dynamic, static], dim=-1), noise, valid)

    def parts(
        self, batch: Windows, noise: Noise, draws: int, means: Tensor | None
    ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Parts of the bound, means of ``q(z_2)``, and the windows that these say something of.

        ``means`` ``(batch, s)`` are the series' means; None integrates over their posterior.
        """
        features = self.encoder(batch.values, batch.observed)
        posterior, _ = self.segment_posterior(features, batch.observed, means)
        present = self.encoder.readable(batch.observed)
        segments = posterior.sample(noise, "static", draws)
        moving = self.dynamic_posterior(features, batch.observed, segments)
        dynamic = moving.mean + moving.std * noise("dynamic", moving.mean.shape, moving.mean)
        static_kl, segment_kl = sequence_kl(posterior, present, means, SEGMENT_VARIANCE)
        parts = {
            "reconstruction": self.nll(batch, segments, dynamic, noise).sum(1),
            "static_kl": static_kl,
            "segment_kl": segment_kl,
            "dynamic_kl": torch.where(batch.valid, kl_standard_normal(moving), 0.0).sum(2).mean(0),
        }
        return parts, posterior.mean, present

    def forward(self, batch: Windows, noise: Noise) -> dict[str, Tensor]:
        """Terms of Hsu et al. (2017), each divided by the batch size.

        Validation is on the bound: the table has nothing of its series.
        """
        if not self.training:
            parts = self.parts(batch, noise, 1, None)[0]
            return {name: part.mean() for name, part in parts.items()}
        if not isinstance(batch.rows, Tensor):
            raise ValueError("The batch has no rows, which say where in the table its series are.")
        rows = batch.rows.to(self.series_means.device)
        parts, segments, present = self.parts(batch, noise, 1, self.series_means[rows])
        parts["discrimination"] = tell_sequences_apart(
            segments, present, self.series_means, rows, self._compared, SEGMENT_VARIANCE, noise
        )
        return {name: part.mean() for name, part in parts.items()}

    def bound(self, batch: Windows, noise: Noise, draws: int = 1) -> dict[str, Tensor]:
        """Parts of the negative evidence lower bound; no series needs a row of the table.

        Both codes of a window are a part of what its dynamics cost.
        """
        parts = self.parts(batch, noise, draws, None)[0]
        parts["dynamic_kl"] = parts["dynamic_kl"] + parts.pop("segment_kl")
        return parts

    def sample_dynamic(self, n: int, windows: int, noise: Noise, mean_path: bool) -> Tensor:
        """Independent draws from the standard normal prior, or its mean."""
        drawn = noise("dynamic_prior", (n, windows, self.dynamic_dim), self.series_means)
        return torch.zeros_like(drawn) if mean_path else drawn

    def extend_dynamic(self, dynamic: Tensor, lengths: Tensor, noise: Noise) -> Tensor:
        """Zeros, the mean of the prior, beyond each row's length."""
        given = torch.arange(dynamic.shape[1], device=dynamic.device) < lengths[:, None]
        return dynamic.where(given[..., None], 0.0)


class TrainedSeries(Callback):
    """Tell the network which series are trained on, and not held out."""

    def on_train_begin(self, net: Any, X: Any = None, **kwargs: Any) -> None:
        """Compare with these series alone."""
        net.module_.compare(X.rows)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Forget them."""
        net.module_.compare(None)


class FHVAE(StaticCodeDisentangler):
    """Factorised hierarchical VAE: every series has a mean that its windows' codes lie around.

    A series is cut into windows ``x_1 ... x_N``, the segments of the paper. Each has two codes: a
    dynamic one, ``z_1 ~ N(0, I)``, and one that is drawn around the mean of its series,
    ``z_2 ~ N(mu_2, 0.25 I)``, ``mu_2 ~ N(0, I)``; ``x_n ~ p(x_n | z_1, z_2)``. Both posteriors,
    ``q(z_2 | x_n)`` and ``q(z_1 | x_n, z_2)``, see one window. In training, ``mu_2`` of each series
    is a row of a table. Training minimises, a series::

        sum over n of  -log p(x_n | z_1, z_2) + beta (KL(q(z_2 | x_n) || N(mu_2, 0.25 I))
            + KL(q(z_1 | x_n, z_2) || N(0, I))) + discrimination * -log p(i | z_2)
        - beta log N(mu_2; 0, I)

    (section 2 of the paper) summed over observed values, in standardised units. ``p(i | z_2)`` is
    the probability of the series' own row among all others, at the mean of ``q(z_2)``: without the
    term, a ``mu_2`` of zero would do for every series.

    After fit no series needs a row. The static code is the most probable ``mu_2`` given the means
    of its ``N`` observed windows, ``sum over n of E[z_2n] / (N + 0.25)``; its posterior has the
    standard deviation ``0.5 / sqrt(N + 0.25)``. Decoding takes it for the ``z_2`` of every window.

    Parameters
    ----------
    encoder : parameter object, default=None
        Makes the encoder network; None means :class:`TabularEncoder`.
    decoder : parameter object, default=None
        Makes the decoder network; None means ``encoder.decoder()``.
    window : int or 'auto', default='auto'
        Time steps of a window. ``'auto'`` takes 1/24 of the longest training series, or single
        steps if that has fewer than 48. A partial last window is padded and masked.
    static_dim, dynamic_dim : int, default=24
        Sizes of the codes; equal, so that neither wins by its size.
    output : {'static', 'dynamic', 'both'}, default='both'
        What :meth:`transform` returns: the static code, the dynamic codes averaged over time, or
        both side by side. May be changed after fit.
    static_prior : {'aggregate', 'normal'}, default='aggregate'
        What :meth:`sample` draws static codes from: a mixture of Gaussians that is fitted to those
        of the training series (Ghosh et al. 2020), or ``N(0, I)``, the prior of ``mu_2``. After
        fit, only a change to ``'normal'`` works.
    beta : float or pair of floats, default=1.0
        Weight of both KL divergences, or of the static one, with the prior of ``mu_2``, and the
        dynamic one; 1 is the evidence lower bound, as in the paper.
    discrimination : float, default=1.0
        Weight of the term that tells the windows of different series apart, in training alone. The
        paper's 10 stands beside segments of thousands of values; beside windows of a few, it
        spends the codes on telling apart what is alike. 0 leaves it out.
    missing : {'error', 'mask', 'indicate'}, default='error'
        Whether NaN is refused, or means "not observed" and is left out of encoder and loss.
        ``'indicate'`` also models which values are missing, in a further channel for each one: for
        data where what was measured says as much as the values do.
    standardize : bool, default=True
        Scale each channel to mean 0 and standard deviation 1, by the observed training values.
        Does not apply to video.
    observation_scale : {'fitted', 'decoder'}, default='fitted'
        Standard deviation of the likelihood: as the decoder predicts it, which is at most 0.5,
        times a factor per channel that is fitted to the residuals of training (Rybkin et al. 2021),
        so that scores and early stopping rank by what is reconstructed; or without that factor.
    hidden_share : float, default=0.0
        In training, hide up to this share of the observed values from the encoder (each batch draws
        a share below it), while the loss counts them all, so that codes also tell what they have
        not seen: for imputation and gappy data. 0 hides nothing; 0.5 is a common choice.
    hidden_kind : {'points', 'blocks', 'windows', 'mixed'}, default='mixed'
        What ``hidden_share`` hides: single values, a run of steps of each channel, whole windows,
        or one of the three, drawn for each series. Of video, ``'windows'`` alone: frames.
    max_epochs : int or 'auto', default='auto'
        Passes over the training series; ``'auto'`` makes 100, and 600 steps at least, since an
        epoch of a small panel is a step or two. 0 leaves the network untrained. A fit that should
        have gone on warns (``ConvergenceWarning``).
    batch_size : int, default=64
        Series per step of training, and of inference.
    lr : float, default=4e-3
        Learning rate of Adam.
    validation_fraction : float, default=0.1
        Share of the series held out with ``early_stopping``.
    early_stopping : bool or int, default=False
        Stop when the validation loss, the bound of series that the table has nothing of, has not
        fallen for 10 (or so many) epochs, and keep the best weights.
    callbacks : list of skorch callbacks, default=None
        Added to the package's own.
    device : str or torch.device, default='cpu'
        Where to compute.
    precision : {'float32', 'bfloat16', 'float16'}, default='float32'
        What encoder and decoder compute in; weights, recurrent layers, codes and losses stay in
        float32. float16 needs a GPU; see the documentation page "Scale".
    compile : bool, default=False
        Compile encoder and decoder with ``torch.compile``: the first batches take long, the
        others less. Recurrent layers are not compiled, and neither is a pickled copy.
    checkpoint_dir : str or path, default=None
        Folder of a checkpoint, for one fit at a time (``{fit}`` in it: a folder for each, as in a
        search): :meth:`fit` writes it, and goes on from the one that lies there, exactly as if it
        had never stopped. Needs an int as ``random_state``; see page "Resume". Not in model files.
    checkpoint_every : int, default=1
        Epochs from one checkpoint to the next; the last epoch has one in any case.
    random_state : int, RandomState or None, default=None
        Seed of weights, batches and noise; an int gives the same codes twice. Torch's and numpy's
        global generators are not touched.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    history_ : skorch History
        Losses and their unweighted terms, an entry per epoch.
    net_ : skorch NeuralNet
        The training loop with the network, ``net_.module_``.
    static_prior_ : AggregatePrior
        That mixture: ``weights``, ``means`` and Cholesky factors of the covariances. Fitted when it
        is first asked for, to at most 2,000 series (after :meth:`partial_fit`, of the last ``X``).
    max_epochs_ : int
        What ``max_epochs`` stood for.
    interrupted_ : bool
        Whether Ctrl-C has ended the fit; the estimator then is as after the last finished epoch.
    scaler_ : ChannelScaler
        Mean and scale of each channel.
    window_ : int
        Time steps of a window.
    n_series_in_ : int
        Series seen in fit, or in the last :meth:`partial_fit`.
    n_channels_in_ : int
        Channels seen in fit.
    n_features_in_ : int
        Columns seen in fit: time steps of a 2-D array, else channels.
    feature_names_in_ : array of str
        Names of the columns, where X had names.

    See Also
    --------
    DSVAE : The static code from the whole series, the dynamics from a learned prior.
    VAE : Single windows, without a static code.

    Notes
    -----
    The windows are read by the encoder of the other methods here, once for both codes, where the
    paper has an LSTM for each. Training sees whole series, and a window is compared with all of
    them, or with 5000 that are drawn anew for each step. :meth:`partial_fit` goes on with a table
    of its series, which starts at their static codes (Hsu and Glass 2018, section 3). The table is
    a part of the network, so a model file has one row per training series.

    Each window's ``z_2`` may differ from ``mu_2`` within its prior, and can hold much of what
    moves; decoding takes ``mu_2`` for all windows, and loses it (``evaluation.code_usage`` says how
    much).

    :meth:`score_samples` integrates over ``mu_2``, whose posterior given all ``q(z_2 | x_n)`` is
    the Gaussian above, so that it is a bound for new series too. The ``z_2`` of a window without an
    observed value is of the prior around ``mu_2``. In :meth:`score_terms`, ``'static_kl'`` is what
    ``mu_2`` costs, and ``'dynamic_kl'`` what both codes of the windows do.

    References
    ----------
    .. [1] Hsu, W.-N., Zhang, Y. and Glass, J. (2017). Unsupervised Learning of Disentangled and
       Interpretable Representations from Sequential Data. NeurIPS.
    .. [2] Hsu, W.-N. and Glass, J. (2018). Scalable Factorized Hierarchical Variational
       Autoencoder Training. Interspeech.

    Examples
    --------
    >>> from tsdisentangle import FHVAE, make_static_dynamic
    >>> bunch = make_static_dynamic(60, random_state=0)
    >>> estimator = FHVAE(max_epochs=2, random_state=0).fit(bunch.data)
    >>> codes = estimator.encode(bunch.data)
    >>> codes.static.shape, codes.dynamic.shape
    ((60, 24), (60, 24, 24))
    """

    _parameter_constraints = {
        **StaticCodeDisentangler._parameter_constraints,
        "static_dim": [Interval(Integral, 1, None, closed="left")],
        "beta": [Interval(Real, 0, None, closed="left"), tuple, list],
        "discrimination": [Interval(Real, 0, None, closed="left")],
    }

    n_series_in_: int

    def __init__(
        self,
        encoder: Any = None,
        decoder: Any = None,
        *,
        window: int | str = "auto",
        static_dim: int = 24,
        dynamic_dim: int = 24,
        output: str = "both",
        static_prior: str = "aggregate",
        beta: float | tuple[float, float] = 1.0,
        discrimination: float = 1.0,
        missing: str = "error",
        standardize: bool = True,
        observation_scale: str = "fitted",
        hidden_share: float = 0.0,
        hidden_kind: str = "mixed",
        max_epochs: int | str = "auto",
        batch_size: int = 64,
        lr: float = 4e-3,
        validation_fraction: float = 0.1,
        early_stopping: bool | int = False,
        callbacks: list[Any] | None = None,
        device: str | torch.device = "cpu",
        precision: str = "float32",
        compile: bool = False,
        checkpoint_dir: str | os.PathLike | None = None,
        checkpoint_every: int = 1,
        random_state: Any = None,
        verbose: int = 0,
    ):
        super().__init__(
            encoder=encoder,
            decoder=decoder,
            window=window,
            dynamic_dim=dynamic_dim,
            output=output,
            missing=missing,
            standardize=standardize,
            observation_scale=observation_scale,
            hidden_share=hidden_share,
            hidden_kind=hidden_kind,
            max_epochs=max_epochs,
            batch_size=batch_size,
            lr=lr,
            validation_fraction=validation_fraction,
            early_stopping=early_stopping,
            callbacks=callbacks,
            device=device,
            precision=precision,
            compile=compile,
            checkpoint_dir=checkpoint_dir,
            checkpoint_every=checkpoint_every,
            random_state=random_state,
            verbose=verbose,
        )
        self.static_dim = static_dim
        self.static_prior = static_prior
        self.beta = beta
        self.discrimination = discrimination

    def _callbacks(self) -> list[tuple[str, Any]]:
        return [("trained_series", TrainedSeries())]

    def _train(self, dataset: SequenceDataset, epochs: int, checkpoint: Any = None) -> None:
        if not self.net_.history and len(dataset) == self.n_series_in_:
            super()._train(dataset, epochs, checkpoint)
            return
        with self._table_of(dataset):
            super()._train(dataset, epochs, checkpoint)

    @contextmanager
    def _table_of(self, dataset: SequenceDataset) -> Iterator[None]:
        """Go on with a table of other series; after an error it is the former one again."""
        batches = self._inference().encode_batches(dataset.panel)
        means = np.concatenate([codes.static for _, codes in batches])
        self.net_.require_optimizer()
        table = self.net_.module_.series_means
        former = table.data, self.net_.optimizer_.state.pop(table, None), self.n_series_in_
        table.grad, table.data = None, torch.from_numpy(means).to(table)
        self.n_series_in_ = len(dataset)
        try:
            yield
        except BaseException:
            self.net_.optimizer_.state.pop(table, None)
            table.grad, (table.data, averages, self.n_series_in_) = None, former
            if averages is not None:
                self.net_.optimizer_.state[table] = averages
            raise

    def _build_network(self, n_channels: int, window: int) -> FHVAENetwork:
        static_kl, dynamic_kl = weight_pair("beta", self.beta)
        return FHVAENetwork(
            *build_parts(self, self.static_dim + self.dynamic_dim, n_channels, window),
            static_dim=self.static_dim,
            dynamic_dim=self.dynamic_dim,
            n_series=self.n_series_in_,
            weights={
                "reconstruction": 1.0,
                "static_kl": static_kl,
                "segment_kl": static_kl,
                "dynamic_kl": dynamic_kl,
                "discrimination": float(self.discrimination),
            },
        )

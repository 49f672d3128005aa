"""Decoupled local and global representations (Tonekaboni et al. 2022)."""

import os
from numbers import Integral, Real
from typing import Any

import torch
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor, nn

from tsdisentangle.data.windows import Windows
from tsdisentangle.losses import kl_standard_normal
from tsdisentangle.losses.gp_kl import kl_gaussian_process
from tsdisentangle.methods._static_code import StaticCodeDisentangler
from tsdisentangle.network import Posterior, SequenceNetwork, weight_pair
from tsdisentangle.nn.batch_norm import keep_running_averages
from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.frozen import frozen_weights
from tsdisentangle.nn.gaussian import Gaussian
from tsdisentangle.nn.gaussian_process import BandedGaussian, BandedHead, GaussianProcess
from tsdisentangle.nn.noise import Noise, mean_noise
from tsdisentangle.nn.recurrent import last_kept
from tsdisentangle.training.building import build_parts

KERNELS = ("cauchy", "rbf")
VARIANCE = 0.5  # of the kernels

# A ratio of densities has no bound, and neither has its expectation under the prior.
MAX_LOG_RATIO = 3.0


def choose_subsequence(readable: Tensor, share: float, fraction: Tensor) -> Tensor:
    """Keep a run of each series' readable windows.

    Parameters
    ----------
    readable : bool Tensor of shape (batch, windows)
    share : float
        Share of the readable windows to keep, at least one.
    fraction : Tensor of shape (batch,)
        Where in ``[0, 1]`` the run lies, from the earliest place to the latest.

    Returns
    -------
    bool Tensor of shape (batch, windows)
    """
    count = readable.sum(1)
    size = (share * count).round().long().clamp(min=1)
    places = (count - size + 1).clamp(min=1)
    # A fraction may be 1 itself, in float32.
    first = torch.minimum((fraction * places).long(), places - 1)
    place = readable.cumsum(1) - 1 - first[:, None]
    return readable & (place >= 0) & (place < size[:, None])


def resemblance(encoded: Gaussian, code: Tensor, other: Tensor) -> Tensor:
    """``exp(log q(code) - log q(other))`` of each coordinate under ``encoded``, summed.

    Small where a series that was made from ``other`` is told apart from one made from ``code``.
    """
    distance = (other - encoded.mean).square() - (code - encoded.mean).square()
    log_ratio = 0.5 * distance * torch.exp(-encoded.logvar)
    return log_ratio.clamp(max=MAX_LOG_RATIO).exp().sum(-1)


class GLRNetwork(SequenceNetwork):
    """Network of :class:`GLR`; its parameters are described there."""

    prior: GaussianProcess

    def __init__(
        self,
        encoder: ElementEncoder,
        decoder: nn.Module,
        *,
        static_dim: int,
        dynamic_dim: int,
        length_scale: float,
        subsequence: float,
        n_samples: int,
        weights: dict[str, float],
    ):
        super().__init__(decoder, static_dim, dynamic_dim, weights)
        features = encoder.out_features
        self.encoder = encoder
        self.local_head = BandedHead(features, dynamic_dim)
        self.global_lstm = nn.LSTM(features, features, batch_first=True)
        self.global_head = nn.Linear(features, static_dim)
        self.prior = GaussianProcess(dynamic_dim, KERNELS, length_scale, VARIANCE)
        self.subsequence, self.n_samples = subsequence, n_samples

    def local_posterior(self, features: Tensor, observed: Tensor) -> BandedGaussian:
        """``q(z | x)``, each window's parameters from that window alone."""
        return self.local_head(self.encoder.dynamic_summary(features, observed))

    def global_posterior(self, features: Tensor, observed: Tensor, noise: Noise) -> Gaussian:
        """``q(z_g | x)`` of scale 1, in training from a random sub-sequence of ``x``."""
        keep = self.encoder.readable(observed)
        if self.training:
            place = torch.special.ndtr(noise("subsequence", (len(keep),), features))
            keep = choose_subsequence(keep, self.subsequence, place)
        summary = self.encoder.static_summary(features, observed)
        mean = self.global_head(last_kept(self.global_lstm, summary, keep))
        return Gaussian(mean, torch.zeros_like(mean))

    def encode(self, batch: Windows, **options: Any) -> Posterior:
        """Marginals of the local posterior; the global one from all observed windows."""
        features = self.encoder(batch.values, batch.observed)
        return Posterior(
            self.global_posterior(features, batch.observed, mean_noise),
            self.local_posterior(features, batch.observed).marginal(),
        )

    def drawn(
        self, batch: Windows, noise: Noise, draws: int
    ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Parts of the bound, and the drawn codes."""
        features = self.encoder(batch.values, batch.observed)
        static_posterior = self.global_posterior(features, batch.observed, noise)
        dynamic_posterior = self.local_posterior(features, batch.observed)
        static = static_posterior.sample(noise, "static", draws)
        dynamic = dynamic_posterior.sample(noise, "dynamic", draws)
        root = self.prior.root(dynamic.shape[2], dynamic)
        parts = {
            "reconstruction": self.nll(batch, static, dynamic, noise).sum(1),
            "static_kl": kl_standard_normal(static_posterior),
            "dynamic_kl": kl_gaussian_process(dynamic_posterior, root, batch.valid),
        }
        return parts, static, dynamic

    def counterfactual(
        self, batch: Windows, static: Tensor, dynamic: Tensor, noise: Noise
    ) -> Tensor:
        """How much series resemble the original, decoded from another's global code: ``(batch,)``.

        The decoder alone learns from it. As long as that ignores the global codes, such a series
        reads as the original does, and nothing but global codes of zero could change this.
        """
        draws, static, dynamic = len(static), static.detach(), dynamic.detach()
        other = static.roll(1, dims=1).flatten(0, 1)
        places = batch.take(torch.arange(len(other), device=other.device) % len(batch.values))
        with keep_running_averages(self):
            decoded = self.decode(other, dynamic.flatten(0, 1), noise, places.valid)
            made = places.refill(decoded.sample(noise, "counterfactual")[0], self.n_marks)
            with frozen_weights(self.encoder, self.global_lstm, self.global_head):
                features = self.encoder(made.values, made.observed)
                encoded = self.global_posterior(features, made.observed, noise)
        return resemblance(encoded, static.flatten(0, 1), other).unflatten(0, (draws, -1)).mean(0)

    def forward(self, batch: Windows, noise: Noise) -> dict[str, Tensor]:
        """Terms of Tonekaboni et al. (2022), each divided by the batch size.

        Validation has no counterfactual term: it depends on what else is in a batch.
        """
        parts, static, dynamic = self.drawn(batch, noise, self.n_samples)
        if self.training:
            parts["counterfactual"] = self.counterfactual(batch, static, dynamic, noise)
        rates = self.rates(batch, parts["dynamic_kl"])
        return {name: part.mean() for name, part in parts.items()} | rates

    def bound(self, batch: Windows, noise: Noise, draws: int) -> dict[str, Tensor]:
        """Parts of the negative evidence lower bound; the counterfactual term is none."""
        return self.drawn(batch, noise, draws)[0]


class GLR(StaticCodeDisentangler):
    """Sequential VAE that keeps what is global apart from what a Gaussian process can tell.

    A series is cut into windows ``x_1 ... x_T``. It is described by one global (static) code
    ``z_g ~ N(0, I)`` and one local (dynamic) code per window, whose coordinates are draws of
    Gaussian processes over the windows, half with a Cauchy and half with a smooth kernel, each
    with up to four length scales; ``x_t ~ p(x_t | z_t, z_g)``. ``q(z_t | x)`` takes its parameters
    from window ``t`` alone. ``q(z_g | x)`` reads a random run of windows, so that it cannot hold
    what happens at one moment; its scale is fixed at 1. A counterfactual term keeps the decoder
    from ignoring ``z_g``: a series ``x~`` that is decoded from the same local codes and the
    ``z_g'`` of another series must look like ``z_g'``, not like ``z_g``. Training minimises, per
    series::

        -log p(x_t | z_t, z_g)  +  beta (KL(q(z_g) || p(z_g)) + KL(q(z) || GP))
            +  counterfactual * exp(log q(z_g | x~) - log q(z_g' | x~))

    summed over observed values, in standardised units, and over the coordinates of ``z_g``.

    Parameters
    ----------
    encoder : parameter object, default=None
        Makes the encoder network; None means :class:`TabularEncoder`. An LSTM over its features
        makes the global code.
    decoder : parameter object, default=None
        Makes the decoder network; None means ``encoder.decoder()``.
    window : int or 'auto', default='auto'
        Time steps of an element. ``'auto'`` takes 1/24 of the longest training series, or single
        steps if that has fewer than 48. Time and memory grow with the third and second power of
        the number of windows.
    static_dim, dynamic_dim : int, default=24
        Sizes of the global and the local codes (8 in the paper).
    output : {'static', 'dynamic', 'both'}, default='both'
        What :meth:`transform` returns: the global code, the local codes averaged over time, or
        both side by side. May be changed after fit.
    static_prior : {'aggregate', 'normal'}, default='aggregate'
        What :meth:`sample` draws static codes from: a mixture of Gaussians that is fitted to those
        of the training series (Ghosh et al. 2020), or ``N(0, I)``, from which they differ, so that
        samples are less diverse than the data. After fit, only a change to ``'normal'`` works.
    beta : float or pair of floats, default=(0.5, 3.0)
        Weight of both KL divergences, or of the static and the dynamic one. The paper's 0.1
        stands beside a likelihood averaged over the entries and a dynamic divergence averaged
        over windows and coordinates; in the sums here it would be ``0.1 * time * channels`` for
        the static and ``0.1 * window * channels * observed_ratio / dynamic_dim`` for the dynamic
        one.
    dynamic_rate : 'auto', float or None, default=None
        Nats per window that the local codes are held at, by a weight of their divergence that
        adapts from ``beta`` on in training. ``'auto'`` is 0.35 times the root of the observed
        values per window. None keeps ``beta``, as in the paper.
    counterfactual : float, default=5.0
        Weight of the counterfactual term, in training alone; 0 leaves it out. The paper's 1
        stands beside averages too: ``time * channels / static_dim`` here.
    subsequence : float, default=0.6
        Share of a series' observed windows (with ``missing='indicate'``, of all up to the last
        observed value) that the global code is read from in training (0.6 for PhysioNet and 0.3
        for Air Quality in the paper). After fit it is read from all.
    length_scale : float, default=2.0
        Longest length scale, in windows; the others are its half, quarter and eighth.
    n_samples : int, default=1
        Monte-Carlo draws of the codes per series and step of training (10 and 15 in the paper).
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
        Stop when the validation loss has not fallen for 10 (or so many) epochs, and keep the best
        weights.
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
        Time steps of an element.
    n_channels_in_ : int
        Channels seen in fit.
    n_features_in_ : int
        Columns seen in fit: time steps of a 2-D array, else channels.
    feature_names_in_ : array of str
        Names of the columns, where X had names.

    See Also
    --------
    GPVAE : Gaussian processes without a global code.
    StaticDynamicVAE : Static code from a single window.

    Notes
    -----
    Some things differ from the released code. The white noise in the prior has variance 0.01
    instead of 1e-5 (1.01e-3 in the Cauchy half): a smooth kernel is so nearly singular that the
    divergence of an independent posterior is in the thousands, and those coordinates fall silent.
    The kernels of both kinds have variance 0.5, not only the Cauchy ones. Local and global encoder
    share the network that reads a window, and a counterfactual series is read with the gaps of the
    original, as all that this network has seen. Neighbouring windows may correlate with either sign
    in the posterior, not only with the one opposite to the prior's, and by less than 1 a step.

    The counterfactual term trains the decoder alone, and takes ``z_g'`` from another series of the
    batch instead of the prior. At the start the decoder ignores ``z_g``, so ``x~`` reads as ``x``
    does, and the only way for an encoder to lower the term is a ``z_g`` of zero for every series,
    where it stays: on Air Quality every weight above 0 silenced the global code. And codes of the
    prior could be told from the others by where they lie, without a resemblance. Each log-ratio is
    cut at 3, since the expectation of the ratio is infinite under a Gaussian ``z_g'``; uncut, rare
    draws drown out the global code.

    References
    ----------
    .. [1] Tonekaboni, S., Li, C.-L., Arik, S., Goldenberg, A. and Pfister, T. (2022). Decoupling
       Local and Global Representations of Time Series. AISTATS.
    .. [2] Fortuin, V., Baranchuk, D., Rätsch, G. and Mandt, S. (2020). GP-VAE: Deep Probabilistic
       Time Series Imputation. AISTATS.

    Examples
    --------
    >>> from tsdisentangle import GLR, make_static_dynamic
    >>> bunch = make_static_dynamic(60, random_state=0)
    >>> estimator = GLR(static_dim=4, dynamic_dim=8, max_epochs=2, random_state=0)
    >>> codes = estimator.fit(bunch.data).encode(bunch.data)
    >>> codes.static.shape, codes.dynamic.shape
    ((60, 4), (60, 24, 8))
    """

    _parameter_constraints = {
        **StaticCodeDisentangler._parameter_constraints,
        "static_dim": [Interval(Integral, 1, None, closed="left")],
        "beta": [Interval(Real, 0, None, closed="left"), tuple, list],
        "dynamic_rate": [None, StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "counterfactual": [Interval(Real, 0, None, closed="left")],
        "subsequence": [Interval(Real, 0, 1, closed="right")],
        "length_scale": [Interval(Real, 0, None, closed="neither")],
        "n_samples": [Interval(Integral, 1, None, closed="left")],
    }

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
        beta: float | tuple[float, float] = (0.5, 3.0),
        dynamic_rate: str | float | None = None,
        counterfactual: float = 5.0,
        subsequence: float = 0.6,
        length_scale: float = 2.0,
        n_samples: int = 1,
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
        self.dynamic_rate = dynamic_rate
        self.counterfactual = counterfactual
        self.subsequence = subsequence
        self.length_scale = length_scale
        self.n_samples = n_samples

    def _weights(self) -> dict[str, float]:
        static_kl, dynamic_kl = weight_pair("beta", self.beta)
        return {
            "reconstruction": 1.0,
            "static_kl": static_kl,
            "dynamic_kl": dynamic_kl,
            "counterfactual": float(self.counterfactual),
        }

    def _build_network(self, n_channels: int, window: int) -> GLRNetwork:
        return GLRNetwork(
            *build_parts(self, self.static_dim + self.dynamic_dim, n_channels, window),
            static_dim=self.static_dim,
            dynamic_dim=self.dynamic_dim,
            length_scale=float(self.length_scale),
            subsequence=float(self.subsequence),
            n_samples=self.n_samples,
            weights=self._weights(),
        )

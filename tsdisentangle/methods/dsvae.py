"""Sequential VAE with a static and a dynamic code, of the plain bound (Li and Mandt 2018)."""

import os
from numbers import Integral, Real
from typing import Any

import torch
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor, nn

from tsdisentangle.data.windows import Windows
from tsdisentangle.losses import kl_standard_normal
from tsdisentangle.methods._static_code import StaticCodeDisentangler
from tsdisentangle.network import Posterior, SequenceNetwork, weight_pair
from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.gaussian import Gaussian, GaussianHead
from tsdisentangle.nn.noise import Noise
from tsdisentangle.nn.recurrent import PRIOR_HIDDEN, RecurrentPrior, SequenceLSTM
from tsdisentangle.nn.sequential_posterior import end_states
from tsdisentangle.training.building import build_parts


class DSVAENetwork(SequenceNetwork):
    """Network of :class:`DSVAE`; its parameters are described there."""

    def __init__(
        self,
        encoder: ElementEncoder,
        decoder: nn.Module,
        *,
        static_dim: int,
        dynamic_dim: int,
        full: bool,
        weights: dict[str, float],
    ):
        super().__init__(decoder, static_dim, dynamic_dim, weights)
        features = encoder.out_features
        self.encoder = encoder
        encoder.freeze_static()
        self.static_lstm = SequenceLSTM(features, features)
        self.static_head = GaussianHead(self.static_lstm.out_features, static_dim)
        self.dynamic_lstm = SequenceLSTM(features + static_dim, features) if full else None
        self.dynamic_rnn = nn.RNN(2 * features, features, batch_first=True) if full else None
        self.dynamic_head = GaussianHead(features, dynamic_dim)
        self.prior = RecurrentPrior(dynamic_dim, encoder.prior_hidden or PRIOR_HIDDEN)

    def summary(self, batch: Windows) -> Tensor:
        """Features of each window."""
        features = self.encoder(batch.values, batch.observed)
        return self.encoder.dynamic_summary(features, batch.observed)

    def static_posterior(self, features: Tensor, lengths: Tensor) -> Gaussian:
        """``q(f | x_1 ... x_T)``."""
        return self.static_head(end_states(self.static_lstm(features, lengths), lengths))

    def dynamic_posterior(self, features: Tensor, lengths: Tensor, static: Tensor) -> Gaussian:
        """``q(z_t | x_t)``, or with the full posterior ``q(z_t | x_1 ... x_T, f)``.

        For each of the draws ``(draws, batch, s)`` of ``f``: ``(draws, batch, windows, d)``.
        """
        draws = len(static)
        if self.dynamic_lstm is None or self.dynamic_rnn is None:
            posterior = self.dynamic_head(features)
            return Gaussian(*(part.expand(draws, *part.shape) for part in posterior))
        repeated = static[:, :, None].expand(-1, -1, features.shape[1], -1)
        both = torch.cat([features.expand(draws, *features.shape), repeated], dim=-1).flatten(0, 1)
        outputs = self.dynamic_rnn(self.dynamic_lstm(both, lengths.repeat(draws)))[0]
        return self.dynamic_head(outputs.unflatten(0, (draws, -1)))

    def encode(self, batch: Windows, **options: Any) -> Posterior:
        """Posterior of the static code, and of the dynamic codes at its mean."""
        features, lengths = self.summary(batch), batch.valid.sum(1)
        static = self.static_posterior(features, lengths)
        dynamic = self.dynamic_posterior(features, lengths, static.mean[None])
        return Posterior(static, Gaussian(*(part[0] for part in dynamic)))

    def bound(self, batch: Windows, noise: Noise, draws: int = 1) -> dict[str, Tensor]:
        """Parts of the negative evidence lower bound, a series each."""
        features, lengths = self.summary(batch), batch.valid.sum(1)
        posterior = self.static_posterior(features, lengths)
        static = posterior.sample(noise, "static", draws)
        moving = self.dynamic_posterior(features, lengths, static)
        dynamic = moving.mean + moving.std * noise("dynamic", moving.mean.shape, moving.mean)
        return {
            "reconstruction": self.nll(batch, static, dynamic, noise).sum(1),
            "static_kl": kl_standard_normal(posterior),
            "dynamic_kl": self.dynamic_kl(batch, moving, dynamic),
        }

    def forward(self, batch: Windows, noise: Noise) -> dict[str, Tensor]:
        """Parts of the bound, each divided by the batch size."""
        return {name: term.mean() for name, term in self.bound(batch, noise).items()}


class DSVAE(StaticCodeDisentangler):
    """Disentangled sequential autoencoder: both codes by the evidence lower bound alone.

    A series is cut into windows ``x_1 ... x_T``, described by one static code and one dynamic code
    per window (``f`` and ``z_t`` in the paper, section 2): ``s ~ N(0, I)``, ``d_t ~ p(d_t | d_<t)``
    from a learned recurrent prior, ``x_t ~ p(x_t | s, d_t)``. The static code is read from the
    whole series, by an LSTM in both directions. Nothing but the sizes of the codes and what their
    posteriors see tells them apart. Training minimises, a series::

        -log p(x | s, d) + beta KL(q(s | x) || N(0, I))
            + beta * sum over t of KL(q(d_t) || p(d_t | d_<t))

    summed over observed values, in standardised units.

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
        of the training series (Ghosh et al. 2020), or ``N(0, I)``, from which they differ, so that
        samples are less diverse than the data. After fit, only a change to ``'normal'`` works.
    posterior : {'full', 'factorised'}, default='full'
        What the dynamic codes are read from: from the whole series and its static code, so that
        they need not repeat what that tells, or each from its own window alone, ``q(d_t | x_t)``.
    beta : float or pair of floats, default=1.0
        Weight of both KL divergences, or of the static and the dynamic one; 1 is the evidence
        lower bound, as in the paper.
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
        Stop when the validation loss, reconstruction and KL divergences, has not fallen for 10
        (or so many) epochs, and keep the best weights.
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
    n_channels_in_ : int
        Channels seen in fit.
    n_features_in_ : int
        Columns seen in fit: time steps of a 2-D array, else channels.
    feature_names_in_ : array of str
        Names of the columns, where X had names.

    See Also
    --------
    CDSVAE : Adds terms that split the codes.
    StaticDynamicVAE : The static code from a single window.
    FHVAE : A prior of its own for the static code of each series.

    Notes
    -----
    The networks that read and make a window are those of the other methods here, not the
    convolutions of the paper. The divergence of the dynamic codes is taken at drawn codes, since
    their prior is conditioned on those before. After fit, the dynamic codes of the full posterior
    are those at the mean of the static one.

    References
    ----------
    .. [1] Li, Y. and Mandt, S. (2018). Disentangled Sequential Autoencoder. ICML.

    Examples
    --------
    >>> from tsdisentangle import DSVAE, make_static_dynamic
    >>> bunch = make_static_dynamic(60, random_state=0)
    >>> estimator = DSVAE(max_epochs=2, random_state=0).fit(bunch.data)
    >>> codes = estimator.encode(bunch.data)
    >>> codes.static.shape, codes.dynamic.shape
    ((60, 24), (60, 24, 24))
    """

    _parameter_constraints = {
        **StaticCodeDisentangler._parameter_constraints,
        "static_dim": [Interval(Integral, 1, None, closed="left")],
        "posterior": [StrOptions({"full", "factorised"})],
        "beta": [Interval(Real, 0, None, closed="left"), tuple, list],
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
        posterior: str = "full",
        beta: float | tuple[float, float] = 1.0,
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
        self.posterior = posterior
        self.beta = beta

    def _build_network(self, n_channels: int, window: int) -> DSVAENetwork:
        static_kl, dynamic_kl = weight_pair("beta", self.beta)
        return DSVAENetwork(
            *build_parts(self, self.static_dim + self.dynamic_dim, n_channels, window),
            static_dim=self.static_dim,
            dynamic_dim=self.dynamic_dim,
            full=self.posterior == "full",
            weights={"reconstruction": 1.0, "static_kl": static_kl, "dynamic_kl": dynamic_kl},
        )

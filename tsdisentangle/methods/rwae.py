"""Recurrent Wasserstein autoencoder (Han et al. 2021)."""

import os
from numbers import Integral, Real
from typing import Any

import torch
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor

from tsdisentangle.data.windows import Windows
from tsdisentangle.losses.adversarial import discriminator_loss, generator_loss
from tsdisentangle.losses.mmd import squared_mmd
from tsdisentangle.methods._sequential import SequentialNetwork
from tsdisentangle.methods._static_code import StaticCodeDisentangler
from tsdisentangle.network import weight_pair
from tsdisentangle.nn.discriminators import CodeDiscriminator
from tsdisentangle.nn.frozen import frozen_weights
from tsdisentangle.nn.noise import Noise
from tsdisentangle.training.building import build_parts


class RWAENetwork(SequentialNetwork):
    """Network of :class:`RWAE`; its parameters are described there."""

    def __init__(self, *parts: Any, penalty: str, **options: Any):
        super().__init__(*parts, **options)
        # As wide as the features that the codes are made of.
        self.discriminator = (
            CodeDiscriminator(self.static_dim, self.encoder.out_features)
            if penalty == "gan"
            else None
        )

    def static_penalties(self, static: Tensor, noise: Noise) -> dict[str, Tensor]:
        """How static codes ``(batch, s)`` differ from draws from the prior, and who tells it."""
        drawn = self.sample_static(len(static), noise)
        if self.discriminator is None:
            everyone = static.new_ones(len(static)).bool()
            return {"static_penalty": squared_mmd(static, drawn, everyone)}
        with frozen_weights(self.discriminator):
            fooled = generator_loss(self.discriminator(static))
        told = discriminator_loss(self.discriminator(drawn), self.discriminator(static.detach()))
        return {"static_penalty": fooled.mean(), "discriminator": told.mean()}

    def dynamic_penalty(self, dynamic: Tensor, valid: Tensor, noise: Noise) -> Tensor:
        """Discrepancy of dynamic codes ``(batch, windows, d)`` from their prior, over windows.

        At each window, between the codes of the batch and one draw for each series from the prior
        given its codes before.
        """
        drawn = self.prior(dynamic).sample(noise, "dynamic_prior")[0]
        return squared_mmd(dynamic.transpose(0, 1), drawn.transpose(0, 1), valid.T).sum()

    def forward(self, batch: Windows, noise: Noise) -> dict[str, Tensor]:
        """Reconstruction; in training also the penalties, which look at the whole batch."""
        posterior = self.encode(batch)
        static = posterior.static.sample(noise, "static")
        dynamic = posterior.dynamic.sample(noise, "dynamic")
        terms = {"reconstruction": self.nll(batch, static, dynamic, noise).sum(1).mean()}
        if self.training:
            terms.update(self.static_penalties(static[0], noise))
            terms["dynamic_penalty"] = self.dynamic_penalty(dynamic[0], batch.valid, noise)
        return terms


class RWAE(StaticCodeDisentangler):
    """Recurrent Wasserstein autoencoder: codes that are distributed like their priors, together.

    A series is cut into windows ``x_1 ... x_T``, described by one static code and one dynamic code
    per window: ``s ~ N(0, I)``, ``d_t ~ p(d_t | d_<t)`` from a learned recurrent prior,
    ``x_t ~ p(x_t | s, d_t)``. Both posteriors see the whole series. A variational autoencoder
    holds the codes of each series near the prior; here those of all series together shall be
    distributed like it, so that codes may tell as much as they can. Training minimises, per
    series::

        -log p(x | s, d) + beta (D(Q(s), p(s)) + sum over t of D(Q(d_t), p(d_t | d_<t)))

    summed over observed values, in standardised units: the penalised form of the Wasserstein
    distance ([2]_, equation 4), with a penalty for each code [1]_. ``Q`` is the distribution of the
    codes of all series, of which a batch has a sample, and ``D`` the squared maximum mean
    discrepancy ([3]_, equation 3) with the sum of inverse multiquadratic kernels of
    ``c = 2 k (0.1, 0.2, 0.5, 1, 2, 5, 10)`` for codes of size ``k``. With ``penalty='gan'``, ``D``
    of the static code is ``-log C(s)`` for a discriminator ``C``, which learns to tell draws from
    the prior (algorithm 1 of [2]_; the other is algorithm 2).

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
        samples are less diverse than the data. May be changed after fit.
    penalty : {'mmd', 'gan'}, default='mmd'
        Discrepancy of the static codes from their prior: maximum mean discrepancy, or what a
        discriminator that is trained beside tells. That of the dynamic codes is the first in both.
    beta : float or pair of floats, default=10.0
        Weight of both penalties, or of the static and the dynamic one. A maximum mean discrepancy
        is at most 14 per code or window, a reconstruction has hundreds of nats.
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
        Series per step of training, and of inference; at least 2, for the penalties compare their
        codes, and the more the better.
    lr : float, default=4e-3
        Learning rate of Adam.
    validation_fraction : float, default=0.1
        Share of the series held out with ``early_stopping``.
    early_stopping : bool or int, default=False
        Stop when the validation loss, the reconstruction, has not fallen for 10 (or so many)
        epochs, and keep the best weights.
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
        Series seen in fit.
    n_channels_in_ : int
        Channels seen in fit.
    n_features_in_ : int
        Columns seen in fit: time steps of a 2-D array, else channels.
    feature_names_in_ : array of str
        Names of the columns, where X had names.

    See Also
    --------
    CDSVAE : Keeps information in the codes by contrast.
    StaticDynamicVAE : The static code from a single window.

    Notes
    -----
    Encoder, decoder and prior are those of the other methods here: the paper's decoder reads a
    window's code through an LSTM over all codes before. Weights of the penalties are not published.

    :meth:`score` is the evidence lower bound, as of the other methods, so that they compare; but no
    term of training holds the codes of a single series near the prior, and so it is lower here.

    References
    ----------
    .. [1] Han, J., Min, M. R., Han, L., Li, L. E. and Zhang, X. (2021). Disentangled Recurrent
       Wasserstein Autoencoder. ICLR.
    .. [2] Tolstikhin, I., Bousquet, O., Gelly, S. and Schoelkopf, B. (2018). Wasserstein
       Auto-Encoders. ICLR.
    .. [3] Gretton, A., Borgwardt, K. M., Rasch, M. J., Schoelkopf, B. and Smola, A. (2012). A
       Kernel Two-Sample Test. Journal of Machine Learning Research.

    Examples
    --------
    >>> from tsdisentangle import RWAE, make_static_dynamic
    >>> bunch = make_static_dynamic(60, random_state=0)
    >>> estimator = RWAE(max_epochs=2, random_state=0).fit(bunch.data)
    >>> codes = estimator.encode(bunch.data)
    >>> codes.static.shape, codes.dynamic.shape
    ((60, 24), (60, 24, 24))
    """

    _parameter_constraints = {
        **StaticCodeDisentangler._parameter_constraints,
        "static_dim": [Interval(Integral, 1, None, closed="left")],
        "penalty": [StrOptions({"mmd", "gan"})],
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
        penalty: str = "mmd",
        beta: float | tuple[float, float] = 10.0,
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
        self.penalty = penalty
        self.beta = beta

    def _build_network(self, n_channels: int, window: int) -> RWAENetwork:
        if self.batch_size < 2:
            raise ValueError(
                "batch_size is 1, but the penalties compare the codes of a batch; expected at "
                "least 2. Pass batch_size=64."
            )
        static_penalty, dynamic_penalty = weight_pair("beta", self.beta)
        weights = {
            "reconstruction": 1.0,
            "static_penalty": static_penalty,
            "dynamic_penalty": dynamic_penalty,
        }
        if self.penalty == "gan":
            weights["discriminator"] = 1.0
        return RWAENetwork(
            *build_parts(self, self.static_dim + self.dynamic_dim, n_channels, window),
            static_dim=self.static_dim,
            dynamic_dim=self.dynamic_dim,
            penalty=self.penalty,
            weights=weights,
        )

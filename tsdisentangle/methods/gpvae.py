"""Gaussian-process variational autoencoder (Fortuin et al. 2020)."""

import os
from numbers import Real
from typing import Any

import torch
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor, nn

from tsdisentangle.base import SequenceDisentangler
from tsdisentangle.data.windows import Windows
from tsdisentangle.losses.gp_kl import kl_gaussian_process
from tsdisentangle.network import Posterior, SequenceNetwork
from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.gaussian import Gaussian
from tsdisentangle.nn.gaussian_process import KERNELS, BandedGaussian, BandedHead, GaussianProcess
from tsdisentangle.nn.noise import Noise
from tsdisentangle.nn.recurrent import SequenceLSTM
from tsdisentangle.training.building import build_parts

VARIANCE = 1.0  # of the kernels


class GPVAENetwork(SequenceNetwork):
    """Network of :class:`GPVAE`; its parameters are described there."""

    prior: GaussianProcess

    def __init__(
        self,
        encoder: ElementEncoder,
        decoder: nn.Module,
        *,
        dynamic_dim: int,
        kernel: str,
        length_scale: float,
        weights: dict[str, float],
    ):
        super().__init__(decoder, dynamic_dim, dynamic_dim, weights)
        self.encoder = encoder
        encoder.freeze_static()
        features = encoder.out_features
        self.lstm = None
        if encoder.across_elements:
            self.lstm = SequenceLSTM(features, max(1, features // 2))
            features = self.lstm.out_features
        self.head = BandedHead(features, dynamic_dim)
        self.prior = GaussianProcess(dynamic_dim, (kernel,), length_scale, VARIANCE)

    def posterior(self, batch: Windows) -> BandedGaussian:
        """``q(z | x)``."""
        features = self.encoder(batch.values, batch.observed)
        features = self.encoder.dynamic_summary(features, batch.observed)
        if self.lstm is not None:
            features = self.lstm(features, batch.valid.sum(1))
        return self.head(features)

    def encode(self, batch: Windows, **options: Any) -> Posterior:
        """Marginals of the posterior; its average over time as the static code."""
        posterior = self.posterior(batch)
        return Posterior(posterior.average(batch.valid), posterior.marginal())

    def decode(
        self, static: Tensor, dynamic: Tensor, noise: Noise, valid: Tensor | None = None
    ) -> Gaussian:
        """Decode the dynamics; ``static`` is a summary of them and has no effect."""
        return self.predict(dynamic, noise, valid)

    def bound(self, batch: Windows, noise: Noise, draws: int) -> dict[str, Tensor]:
        """Parts of the negative evidence lower bound of each series."""
        posterior = self.posterior(batch)
        dynamic = posterior.sample(noise, "dynamic", draws)
        unused = dynamic[:, :, 0]
        root = self.prior.root(dynamic.shape[2], dynamic)
        return {
            "reconstruction": self.nll(batch, unused, dynamic, noise).sum(1),
            "dynamic_kl": kl_gaussian_process(posterior, root, batch.valid),
        }

    def forward(self, batch: Windows, noise: Noise) -> dict[str, Tensor]:
        """Terms of Fortuin et al. (2020), each divided by the batch size."""
        return {name: part.mean() for name, part in self.bound(batch, noise, 1).items()}


class GPVAE(SequenceDisentangler):
    """VAE whose codes move as Gaussian processes in time; it has no static code of its own.

    A series is cut into windows ``x_1 ... x_T``. Each coordinate of the codes ``z_1 ... z_T`` is
    a draw of a Gaussian process of variance 1 over the windows, with up to four length scales
    shared out among the coordinates, so that some codes are slow and some fast, and
    ``x_t ~ p(x_t | z_t)``. The posterior is a Gaussian over all windows at once: each depends on
    its neighbour, by a coefficient that the encoder gives beside mean and scale, so the precision
    is tridiagonal. Training minimises, per series::

        -log p(x_t | z_t)  +  beta KL(q(z) || GP)

    summed over observed values, in standardised units.

    Parameters
    ----------
    encoder : parameter object, default=None
        Makes the encoder network; None means :class:`TabularEncoder`.
    decoder : parameter object, default=None
        Makes the decoder network; None means ``encoder.decoder()``.
    window : int or 'auto', default='auto'
        Time steps of an element. ``'auto'`` takes 1/24 of the longest training series, or single
        steps if that has fewer than 48. Time and memory grow with the third and second power of
        the number of windows.
    dynamic_dim : int, default=24
        Size of a window's code (8 in the comparison of [2]_), and of the static summary.
    output : {'static', 'dynamic', 'both'}, default='both'
        What :meth:`transform` returns: the average of the codes, as in either part, or twice. May
        be changed after fit.
    kernel : {'cauchy', 'rbf'}, default='cauchy'
        Kernel of the processes; 'cauchy' mixes smooth and rough paths.
    length_scale : float, default=2.0
        Longest length scale, in windows; the others are its half, quarter and eighth.
    beta : float, default=1.0
        Weight of the divergence; 1 is the evidence lower bound. [1]_ sums as here and takes 0.2
        on PhysioNet, beside a decoder of unit variance; here the variance is learned, and squared
        errors weigh at least four times as much. [2]_ averages over entries, and the divergence
        over windows and coordinates: its ``beta=1`` is
        ``window * channels * observed_ratio / dynamic_dim`` here.
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
    GLR : A Gaussian process beside a static code.

    Notes
    -----
    The method does not separate static from dynamic; it is the reference that shows what
    separating brings. As the static code stands the average of a series' dynamic codes, which
    the decoder ignores: ``swap(X1, X2)`` gives the reconstructions of ``X2`` and ``X1``, and
    ``sample(static=...)`` has no effect.

    Beyond a series' end, its codes follow the conditional mean of the process. The posterior of
    a window reads the others by an LSTM, except with encoders that read each window on its own
    (``TabularEncoder('step')``).

    Three things differ from the released code, beside that LSTM. Neighbours may correlate with
    either sign in the posterior; the released code bounds the bands of the precision's factor to
    positive values, which leaves only negative correlations, the opposite of the prior's. Their
    coefficient lies between -1 and 1, so that no path runs away. And the white noise in the prior
    has variance 0.01 instead of 0.001, without which the smooth kernel hardly trains.

    References
    ----------
    .. [1] Fortuin, V., Baranchuk, D., Rätsch, G. and Mandt, S. (2020). GP-VAE: Deep Probabilistic
       Time Series Imputation. AISTATS.
    .. [2] Tonekaboni, S., Li, C.-L., Arik, S., Goldenberg, A. and Pfister, T. (2022). Decoupling
       Local and Global Representations of Time Series. AISTATS.

    Examples
    --------
    >>> from tsdisentangle import GPVAE, make_static_dynamic
    >>> bunch = make_static_dynamic(60, random_state=0)
    >>> estimator = GPVAE(dynamic_dim=8, max_epochs=2, random_state=0).fit(bunch.data)
    >>> estimator.encode(bunch.data).dynamic.shape
    (60, 24, 8)
    """

    _parameter_constraints = {
        **SequenceDisentangler._parameter_constraints,
        "kernel": [StrOptions(set(KERNELS))],
        "length_scale": [Interval(Real, 0, None, closed="neither")],
        "beta": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        encoder: Any = None,
        decoder: Any = None,
        *,
        window: int | str = "auto",
        dynamic_dim: int = 24,
        output: str = "both",
        kernel: str = "cauchy",
        length_scale: float = 2.0,
        beta: float = 1.0,
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
        self.kernel = kernel
        self.length_scale = length_scale
        self.beta = beta

    def _build_network(self, n_channels: int, window: int) -> GPVAENetwork:
        return GPVAENetwork(
            *build_parts(self, self.dynamic_dim, n_channels, window),
            dynamic_dim=self.dynamic_dim,
            kernel=self.kernel,
            length_scale=float(self.length_scale),
            weights={"reconstruction": 1.0, "dynamic_kl": float(self.beta)},
        )

"""VAE of single windows: the baseline without a static code."""

import os
from numbers import Real
from typing import Any

import torch
from sklearn.utils._param_validation import Interval
from torch import Tensor, nn

from tsdisentangle.base import SequenceDisentangler
from tsdisentangle.data.windows import Windows
from tsdisentangle.losses import kl_standard_normal
from tsdisentangle.network import Posterior, SequenceNetwork
from tsdisentangle.nn.anchor import pool_static
from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.gaussian import Gaussian, GaussianHead
from tsdisentangle.nn.noise import Noise
from tsdisentangle.training.building import build_parts


class VAENetwork(SequenceNetwork):
    """Network of :class:`VAE`; its parameters are described there."""

    def __init__(
        self, encoder: ElementEncoder, decoder: nn.Module, dim: int, weights: dict[str, float]
    ):
        super().__init__(decoder, dim, dim, weights)
        self.encoder = encoder
        encoder.freeze_static()
        self.head = GaussianHead(encoder.out_features, dim)

    def posterior(self, batch: Windows) -> Gaussian:
        """``q(d_t | x_t)``."""
        features = self.encoder(batch.values, batch.observed)
        return self.head(self.encoder.dynamic_summary(features, batch.observed))

    def encode(self, batch: Windows, **options: Any) -> Posterior:
        """Codes of the windows, and their average over each series' windows."""
        dynamic = self.posterior(batch)
        return Posterior(pool_static(dynamic, batch.valid, "mean"), dynamic)

    def decode(
        self, static: Tensor, dynamic: Tensor, noise: Noise, valid: Tensor | None = None
    ) -> Gaussian:
        """Each window from its own code; ``static`` is not used."""
        return self.predict(dynamic, noise, valid)

    def bound(self, batch: Windows, noise: Noise, draws: int = 1) -> dict[str, Tensor]:
        """Parts of the negative evidence lower bound, a series each."""
        posterior = self.posterior(batch)
        dynamic = posterior.sample(noise, "dynamic", draws)
        no_static = dynamic.new_empty(*dynamic.shape[:2], 0)
        kl = torch.where(batch.valid, kl_standard_normal(posterior), 0.0)
        return {
            "reconstruction": self.nll(batch, no_static, dynamic, noise).sum(1),
            "dynamic_kl": kl.sum(1),
        }

    def forward(self, batch: Windows, noise: Noise) -> dict[str, Tensor]:
        """Reconstruction and KL divergence, each divided by the batch size."""
        return {name: term.mean() for name, term in self.bound(batch, noise).items()}

    def sample_dynamic(self, n: int, windows: int, noise: Noise, mean_path: bool) -> Tensor:
        """Independent draws from the standard normal prior, or its mean."""
        drawn = noise("dynamic_prior", (n, windows, self.dynamic_dim), next(self.parameters()))
        return torch.zeros_like(drawn) if mean_path else drawn

    def extend_dynamic(self, dynamic: Tensor, lengths: Tensor, noise: Noise) -> Tensor:
        """Zeros, the mean of the prior, beyond each row's length."""
        given = torch.arange(dynamic.shape[1], device=dynamic.device) < lengths[:, None]
        return dynamic.where(given[..., None], 0.0)


class VAE(SequenceDisentangler):
    """Variational autoencoder of single windows, without a static code: a baseline.

    A series is cut into windows ``x_1 ... x_T``, and each is described by a code of its own,
    ``d_t ~ N(0, I)``, ``x_t ~ p(x_t | d_t)``; nothing ties the windows of a series together.
    Training minimises, per series::

        sum over t of  -log p(x_t | d_t) + beta KL(q(d_t | x_t) || N(0, I))

    summed over observed values, in standardised units.

    So that it can stand beside methods with two codes, its "static" code is the average of the
    series' dynamic codes. Decoding does not use it: ``swap`` returns two reconstructions, and with
    ``output='both'`` the same columns come twice.

    Parameters
    ----------
    encoder : parameter object, default=None
        Makes the encoder network; None means :class:`TabularEncoder`.
    decoder : parameter object, default=None
        Makes the decoder network; None means ``encoder.decoder()``.
    window : int or 'auto', default='auto'
        Time steps of a window. ``'auto'`` takes 1/24 of the longest training series, or single
        steps if that has fewer than 48. A partial last window is padded and masked.
    dynamic_dim : int, default=24
        Size of a code, and of the static one; as in the other methods.
    output : {'static', 'dynamic', 'both'}, default='both'
        What :meth:`transform` returns. May be changed after fit.
    beta : float, default=1.0
        Weight of the KL divergence; 1 is the evidence lower bound. Published settings that
        average the likelihood over values, and the divergence over windows and once more by the
        number of channels, correspond to ``window`` times their value.
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
        Time steps of a window.
    n_channels_in_ : int
        Channels seen in fit.
    n_features_in_ : int
        Columns seen in fit: time steps of a 2-D array, else channels.
    feature_names_in_ : array of str
        Names of the columns, where X had names.

    See Also
    --------
    StaticDynamicVAE : Splits what stays from what moves.

    References
    ----------
    .. [1] Kingma, D. P. and Welling, M. (2014). Auto-Encoding Variational Bayes. ICLR.

    Examples
    --------
    >>> from tsdisentangle import VAE, make_static_dynamic
    >>> bunch = make_static_dynamic(60, random_state=0)
    >>> estimator = VAE(max_epochs=2, random_state=0).fit(bunch.data)
    >>> codes = estimator.encode(bunch.data)
    >>> codes.static.shape, codes.dynamic.shape
    ((60, 24), (60, 24, 24))
    """

    _parameter_constraints = {
        **SequenceDisentangler._parameter_constraints,
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
        self.beta = beta

    def _build_network(self, n_channels: int, window: int) -> VAENetwork:
        return VAENetwork(
            *build_parts(self, self.dynamic_dim, n_channels, window),
            dim=self.dynamic_dim,
            weights={"reconstruction": 1.0, "dynamic_kl": float(self.beta)},
        )

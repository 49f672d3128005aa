"""Sequential VAE with contrastive estimates of mutual information (Bai et al. 2021)."""

import os
from numbers import Integral, Real
from typing import Any

import torch
from sklearn.utils._param_validation import Interval
from torch import Tensor

from tsdisentangle.data.windows import Windows
from tsdisentangle.losses.contrastive import contrast_views
from tsdisentangle.methods._contrastive import (
    ContrastiveNetwork,
    contrastive_weights,
    permute_windows,
)
from tsdisentangle.methods._static_code import StaticCodeDisentangler
from tsdisentangle.network import Posterior
from tsdisentangle.nn.batch_norm import keep_running_averages
from tsdisentangle.nn.noise import Noise
from tsdisentangle.training.building import build_parts

# The rescaling that leaves the dynamics as they are: x to a x + b, in standardised units.
SCALES = (0.8, 1.2)
SHIFT_STD = 0.1


def rescale_channels(batch: Windows, noise: Noise, n_marks: int = 0) -> Windows:
    """Scale and shift each series' channels at random: the motion is kept, the look is not."""
    shape = (len(batch.values), 1, 1, batch.values.shape[-1])
    low, high = SCALES
    scale = low + (high - low) * torch.special.ndtr(noise("channel_scale", shape, batch.values))
    shift = SHIFT_STD * noise("channel_shift", shape, batch.values)
    return batch.refill(scale * batch.values + shift, n_marks)


class CDSVAENetwork(ContrastiveNetwork):
    """Network of :class:`CDSVAE`; its parameters are described there."""

    def contrast(self, batch: Windows, posterior: Posterior, noise: Noise) -> dict[str, Tensor]:
        """A series and its augmentations, against the others of the batch and theirs."""
        with keep_running_averages(self):
            permuted = self.encode(permute_windows(batch, noise))
            rescaled = self.encode(rescale_channels(batch, noise, self.n_marks))

        def path(codes: Posterior) -> Tensor:
            return codes.dynamic.mean.where(batch.valid[..., None], 0.0).flatten(1)

        return {
            "static_contrast": contrast_views(
                posterior.static.mean, permuted.static.mean, self.temperature
            ),
            "dynamic_contrast": contrast_views(path(posterior), path(rescaled), self.temperature),
        }


class CDSVAE(StaticCodeDisentangler):
    """Sequential VAE whose codes must survive what the other one stands for.

    A series is cut into windows ``x_1 ... x_T``, described by one static code and one dynamic code
    per window: ``s ~ N(0, I)``, ``d_t ~ p(d_t | d_<t)`` from a learned recurrent prior,
    ``x_t ~ p(x_t | s, d_t)``. Both posteriors see the whole series. Three terms beside the
    evidence lower bound split the codes: the static code shall recognise its series when the
    windows are in random order, the dynamic codes when each channel is scaled by 0.8 to 1.2 and
    shifted by ``N(0, 0.1^2)``, and the two shall tell nothing of each other. Training minimises,
    a series::

        -log p(x | s, d) + beta (KL(q(s) || p(s)) + KL(q(d) || p(d)))
            + information I(s; d) + contrast (C(s) + C(d))

    summed over observed values, in standardised units. ``C`` is the negative log-probability of
    the series' own augmentation among all others of the batch; ``I`` is an average over windows.

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
    beta : float or pair of floats, default=1.0
        Weight of both KL divergences, or of the static and the dynamic one; 1 is the evidence
        lower bound. It is 1 as released too, but there beside the squared error of video.
    contrast : float or pair of floats, default=10.0
        Weight of both contrastive terms, or of the static and the dynamic one; 10 as in the
        released training script. Each is at most a few nats, a reconstruction has hundreds.
    information : float, default=1.0
        Weight of the mutual information of the codes; 1 as released, beside a squared error.
    temperature : float, default=0.5
        Divides the cosines of the contrastive terms; 0.5 as published.
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
        Series per step of training, and of inference; the contrastive terms need others to compare.
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
    SPYL : Takes its comparisons from its own samples instead of augmentations.
    StaticDynamicVAE : The static code from a single window.

    Notes
    -----
    The augmentations are for tabular series; those of the paper are for video. With
    ``missing='indicate'`` the marks of missing values are not rescaled. The released code hands
    the log-variance to a density that expects the logarithm of the standard deviation; here the
    density of ``I(s; d)`` is that of the posterior.

    References
    ----------
    .. [1] Bai, J., Wang, W. and Gomes, C. P. (2021). Contrastively Disentangled Sequential
       Variational Autoencoder. NeurIPS.

    Examples
    --------
    >>> from tsdisentangle import CDSVAE, make_static_dynamic
    >>> bunch = make_static_dynamic(60, random_state=0)
    >>> estimator = CDSVAE(max_epochs=2, random_state=0).fit(bunch.data)
    >>> codes = estimator.encode(bunch.data)
    >>> codes.static.shape, codes.dynamic.shape
    ((60, 24), (60, 24, 24))
    """

    _parameter_constraints = {
        **StaticCodeDisentangler._parameter_constraints,
        "static_dim": [Interval(Integral, 1, None, closed="left")],
        "beta": [Interval(Real, 0, None, closed="left"), tuple, list],
        "contrast": [Interval(Real, 0, None, closed="left"), tuple, list],
        "information": [Interval(Real, 0, None, closed="left")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
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
        beta: float | tuple[float, float] = 1.0,
        contrast: float | tuple[float, float] = 10.0,
        information: float = 1.0,
        temperature: float = 0.5,
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
        self.contrast = contrast
        self.information = information
        self.temperature = temperature

    def _build_network(self, n_channels: int, window: int) -> CDSVAENetwork:
        return CDSVAENetwork(
            *build_parts(self, self.static_dim + self.dynamic_dim, n_channels, window),
            static_dim=self.static_dim,
            dynamic_dim=self.dynamic_dim,
            temperature=self.temperature,
            n_series=self.n_series_in_,
            weights=contrastive_weights(self.beta, self.contrast, self.information),
        )

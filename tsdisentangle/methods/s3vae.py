"""Self-supervised sequential VAE (Zhu et al. 2020)."""

import os
from numbers import Integral, Real
from typing import Any, NamedTuple

import torch
from sklearn.utils._param_validation import Interval
from torch import Tensor, nn

from tsdisentangle.data.clips import ClipFormat
from tsdisentangle.data.windows import Windows
from tsdisentangle.encoders import SpectrogramEncoder
from tsdisentangle.losses.contrastive import consistency
from tsdisentangle.losses.motion import (
    GRID,
    Motion,
    MotionSignal,
    loud_frames,
    motion_error,
    moving_cells,
    window_differences,
)
from tsdisentangle.methods._contrastive import ComparingNetwork, permute_windows
from tsdisentangle.methods._static_code import StaticCodeDisentangler
from tsdisentangle.network import Posterior, weight_pair
from tsdisentangle.nn.batch_norm import keep_running_averages
from tsdisentangle.nn.marks import split_marks
from tsdisentangle.nn.noise import Noise
from tsdisentangle.training.building import build_parts

HEAD_HIDDEN, SLOPE = 64, 0.2  # of the network that predicts the motion, as released


class Supervision(NamedTuple):
    """A signal of motion, its size, and whether it is of marks."""

    signal: MotionSignal
    size: int
    binary: bool


def supervision_for(encoder: Any, scaler: Any, n_channels: int) -> Supervision:
    """Choose the signal by what a series is: film, spectrogram, or tabular series."""
    if isinstance(scaler, ClipFormat):
        return Supervision(moving_cells, GRID**2, True)
    if isinstance(encoder, SpectrogramEncoder):
        return Supervision(loud_frames, 1, True)
    return Supervision(window_differences, n_channels, False)


class S3VAENetwork(ComparingNetwork):
    """Network of :class:`S3VAE`; its parameters are described there."""

    def __init__(self, *parts: Any, supervision: Supervision, margin: float, **options: Any):
        super().__init__(*parts, **options)
        self.signal, size, self.binary = supervision
        self.margin = margin
        self.motion_head = nn.Sequential(
            nn.Linear(self.dynamic_dim, HEAD_HIDDEN),
            nn.LeakyReLU(SLOPE),
            nn.Linear(HEAD_HIDDEN, size),
        )

    def motion(self, batch: Windows) -> Motion:
        """The signal that the dynamic codes shall tell; marks of missing values are not in it."""
        values, observed = (
            split_marks(part, self.n_marks)[0]
            for part in (batch.counted.values, batch.counted.observed)
        )
        return self.signal(values, observed, batch.valid)

    def contrast(self, batch: Windows, posterior: Posterior, noise: Noise) -> dict[str, Tensor]:
        """Triplets of static codes, and the motion from a draw of the dynamic ones."""
        with keep_running_averages(self):
            shuffled = self.encode(permute_windows(batch, noise))
        predicted = self.motion_head(posterior.dynamic.sample(noise, "dynamic")[0])
        return {
            "consistency": consistency(posterior.static.mean, shuffled.static.mean, self.margin),
            "prediction": motion_error(predicted, self.motion(batch), self.binary),
        }


class S3VAE(StaticCodeDisentangler):
    """Sequential VAE that supervises its codes by what can be read from the series themselves.

    A series is cut into windows ``x_1 ... x_T``, described by one static code and one dynamic code
    per window: ``s ~ N(0, I)``, ``d_t ~ p(d_t | d_<t)`` from a learned recurrent prior,
    ``x_t ~ p(x_t | s, d_t)``. Both posteriors see the whole series. Three terms beside the
    evidence lower bound split the codes: the static code of a series with its windows in random
    order shall be nearer than that of another series, the dynamic codes shall tell what moves, and
    the two shall tell nothing of each other. Training minimises, a series::

        -log p(x | s, d) + beta (KL(q(s) || p(s)) + KL(q(d) || p(d)))
            + consistency T(s, s', s'') + prediction P(d) + information I(s; d)

    summed over observed values, in standardised units. ``T`` is the triplet loss
    ``max(|s - s'| - |s - s''| + margin, 0)``, ``P`` the negative log-likelihood of a signal of
    motion, summed over the windows, and ``I`` an average over them. The signal needs no other
    network: of films which three cells of nine change most, of spectrograms which frames are
    louder than their mean (of a ``SpectrogramEncoder``), of tabular series the change of each
    channel's mean from window to window.

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
    beta : float or pair of floats, default=1.0
        Weight of both KL divergences, or of the static and the dynamic one; 1 is the evidence
        lower bound. It is 1 as released too, but there beside the squared error of video.
    consistency : float, default=100.0
        Weight of the triplet loss; 100 as in the released script for Sprites.
    prediction : float, default=0.1
        Weight of the negative log-likelihood of the motion; 0.1 as in that script, where it is of
        an optical flow.
    information : float, default=0.01
        Weight of the mutual information of the codes; 0.01 as in that script.
    margin : float, default=1.0
        By how much another series' static code shall be farther away.
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
        Series per step of training, and of inference; the triplets need others to compare.
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
    CDSVAE : Contrasts the codes of augmented series instead.
    StaticDynamicVAE : The static code from a single window.

    Notes
    -----
    Equations 5 to 12 of [1]_. There the motion of films is an optical flow, with its direction as a
    second signal, and that of faces the distances of landmarks; both need networks that were
    trained on other data. The other series of a triplet is one of the same batch.

    References
    ----------
    .. [1] Zhu, Y., Min, M. R., Kadav, A. and Graf, H. P. (2020). S3VAE: Self-Supervised Sequential
       VAE for Representation Disentanglement and Data Generation. CVPR.

    Examples
    --------
    >>> from tsdisentangle import S3VAE, make_static_dynamic
    >>> bunch = make_static_dynamic(60, random_state=0)
    >>> estimator = S3VAE(max_epochs=2, random_state=0).fit(bunch.data)
    >>> codes = estimator.encode(bunch.data)
    >>> codes.static.shape, codes.dynamic.shape
    ((60, 24), (60, 24, 24))
    """

    _parameter_constraints = {
        **StaticCodeDisentangler._parameter_constraints,
        "static_dim": [Interval(Integral, 1, None, closed="left")],
        "beta": [Interval(Real, 0, None, closed="left"), tuple, list],
        "consistency": [Interval(Real, 0, None, closed="left")],
        "prediction": [Interval(Real, 0, None, closed="left")],
        "information": [Interval(Real, 0, None, closed="left")],
        "margin": [Interval(Real, 0, None, closed="neither")],
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
        consistency: float = 100.0,
        prediction: float = 0.1,
        information: float = 0.01,
        margin: float = 1.0,
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
        self.consistency = consistency
        self.prediction = prediction
        self.information = information
        self.margin = margin

    def _build_network(self, n_channels: int, window: int) -> S3VAENetwork:
        static_kl, dynamic_kl = weight_pair("beta", self.beta)
        scaler = getattr(self, "scaler_", None)
        n_values = n_channels - getattr(scaler, "n_marks", 0)
        return S3VAENetwork(
            *build_parts(self, self.static_dim + self.dynamic_dim, n_channels, window),
            static_dim=self.static_dim,
            dynamic_dim=self.dynamic_dim,
            n_series=self.n_series_in_,
            supervision=supervision_for(self._encoder_, scaler, n_values),
            margin=float(self.margin),
            weights={
                "reconstruction": 1.0,
                "static_kl": static_kl,
                "dynamic_kl": dynamic_kl,
                "information": float(self.information),
                "consistency": float(self.consistency),
                "prediction": float(self.prediction),
            },
        )

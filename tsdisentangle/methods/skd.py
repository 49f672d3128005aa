"""Structured Koopman autoencoder (Berman et al. 2023)."""

import os
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import torch
from sklearn.utils._param_validation import Interval
from torch import Tensor, nn

from tsdisentangle.base import SequenceDisentangler
from tsdisentangle.data.windows import Windows
from tsdisentangle.losses.linear_dynamics import (
    eigenvalue_loss,
    latent_prediction_error,
    same_variance_kl,
)
from tsdisentangle.network import Posterior, SequenceNetwork
from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.gaussian import LOGVAR_LIMITS, Gaussian
from tsdisentangle.nn.koopman import eigenvalues, find_modes, fit_operator, moments
from tsdisentangle.nn.marks import split_marks
from tsdisentangle.nn.noise import Noise
from tsdisentangle.training.building import build_parts
from tsdisentangle.training.dataset import BatchLoader, SequenceDataset
from tsdisentangle.training.inference import without_gradients

DROPOUT = 0.2  # of the states that are decoded in training, as released
# Training series that samples are mixed from, and how many windows of each are kept.
MEMBERS, MEMBER_WINDOWS = 64, 64
MAX_SERIES = 2000  # that the operator is fitted to after training


class SKDNetwork(SequenceNetwork):
    """Network of :class:`SKD`; its parameters are described there."""

    basis: Tensor
    inverse: Tensor
    transition: Tensor
    member_static: Tensor
    member_dynamic: Tensor
    member_lengths: Tensor

    def __init__(
        self,
        encoder: ElementEncoder,
        decoder: nn.Module,
        *,
        static_dim: int,
        dynamic_dim: int,
        weights: dict[str, float],
    ):
        super().__init__(decoder, static_dim, dynamic_dim, weights)
        self.encoder = encoder
        encoder.freeze_static()
        size = static_dim + dynamic_dim
        self.lstm = nn.LSTM(encoder.out_features, size, batch_first=True)
        self.register_buffer("basis", torch.eye(size))
        self.register_buffer("inverse", torch.eye(size))
        self.register_buffer("transition", torch.eye(dynamic_dim))
        self.register_buffer("member_static", torch.zeros(MEMBERS, static_dim))
        self.register_buffer("member_dynamic", torch.zeros(MEMBERS, MEMBER_WINDOWS, dynamic_dim))
        self.register_buffer("member_lengths", torch.ones(MEMBERS, dtype=torch.int64))

    def latent(self, batch: Windows) -> Tensor:
        """States of the windows, ``(batch, windows, static_dim + dynamic_dim)``."""
        features = self.encoder(batch.values, batch.observed)
        features = self.encoder.dynamic_summary(features, batch.observed)
        return self.lstm(features)[0]

    def codes_of(self, latent: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinates of the static modes, averaged over time, and of the dynamic ones."""
        modes = latent @ self.basis
        there = valid[..., None]
        static = modes[..., : self.static_dim].where(there, 0.0).sum(1) / there.sum(1)
        return static, modes[..., self.static_dim :]

    def encode(self, batch: Windows, **options: Any) -> Posterior:
        """The codes; they have no spread, and the least that a Gaussian here may have."""
        codes = self.codes_of(self.latent(batch), batch.valid)
        return Posterior(*(Gaussian(c, torch.full_like(c, LOGVAR_LIMITS[0])) for c in codes))

    def decode(
        self, static: Tensor, dynamic: Tensor, noise: Noise, valid: Tensor | None = None
    ) -> Gaussian:
        """Codes to windows, by way of the states that have these coordinates."""
        repeated = static[:, None].expand(-1, dynamic.shape[1], -1)
        return self.predict(torch.cat([repeated, dynamic], dim=-1) @ self.inverse, noise, valid)

    def bound(self, batch: Windows, noise: Noise, draws: int) -> dict[str, Tensor]:
        """What the codes leave unexplained; they have no prior that they could cost nats by."""
        static, dynamic = (code.mean[None] for code in self.encode(batch))
        return {"reconstruction": self.nll(batch, static, dynamic, noise).sum(1)}

    def forward(self, batch: Windows, noise: Noise) -> dict[str, Tensor]:
        """Reconstruction, both predictions and the eigenvalues of the batch's operator."""
        latent = self.latent(batch)
        operator = fit_operator(*moments(latent, batch.valid))
        predicted = torch.cat([latent[:, :1], latent[:, :-1] @ operator.to(latent)], dim=1)
        decoded = self.predict(self._drop(latent, noise), noise, batch.valid)
        ahead = self.predict(predicted, noise, batch.valid)
        one_draw = Gaussian(*(part[None] for part in decoded))
        n_values = batch.counted.observed.sum().to(latent.dtype) / len(batch.values)
        return {
            "reconstruction": self.nll_of(batch, one_draw).sum(1).mean(),
            "prediction": self._difference(batch, decoded, ahead).mean(),
            "latent_prediction": n_values * latent_prediction_error(latent, predicted, batch.valid),
            "eigenvalues": n_values
            * eigenvalue_loss(eigenvalues(operator), self.static_dim).to(latent.dtype),
        }

    def _drop(self, latent: Tensor, noise: Noise) -> Tensor:
        if not self.training:
            return latent
        kept = torch.special.ndtr(noise("dropout", latent.shape, latent)) > DROPOUT
        return latent * kept / (1 - DROPOUT)

    def _difference(self, batch: Windows, decoded: Gaussian, ahead: Gaussian) -> Tensor:
        """How far the decoded predictions are from the reconstruction, in nats per series."""
        parts = (decoded.mean, ahead.mean, batch.counted.observed)
        mean, other, observed = (split_marks(part, self.n_marks)[0] for part in parts)
        logvar = decoded.logvar.detach().expand_as(decoded.mean)
        return same_variance_kl(mean, other, split_marks(logvar, self.n_marks)[0], observed)

    # -- after training -------------------------------------------------------------------------

    def settle(self, batches: Iterable[Windows]) -> None:
        """Fit the operator to training series, and keep some of their codes to sample from."""
        states, sums = [], []
        for batch in batches:
            latent = self.latent(batch)
            sums.append(moments(latent, batch.valid))
            missing = max(0, MEMBER_WINDOWS - latent.shape[1])
            kept = nn.functional.pad(latent, (0, 0, 0, missing))[:, :MEMBER_WINDOWS]
            valid = nn.functional.pad(batch.valid, (0, missing))[:, :MEMBER_WINDOWS]
            states.append((kept, valid))
        gram, cross = (torch.stack(parts).sum(0) for parts in zip(*sums, strict=True))
        modes = find_modes(fit_operator(gram, cross).cpu(), self.static_dim)
        self.basis.copy_(modes.basis)
        self.inverse.copy_(modes.inverse)
        self.transition.copy_(modes.transition[self.static_dim :, self.static_dim :])
        latent, valid = (torch.cat(parts) for parts in zip(*states, strict=True))
        # Evenly spread over the panel; of a small one, some more than once.
        rows = torch.arange(MEMBERS, device=latent.device) * len(latent) // MEMBERS
        static, dynamic = self.codes_of(latent[rows], valid[rows])
        self.member_static.copy_(static)
        self.member_dynamic.copy_(dynamic.where(valid[rows][..., None], 0.0))
        self.member_lengths.copy_(valid[rows].sum(1))

    def sample_static(self, n: int, noise: Noise) -> Tensor:
        """Convex combinations of the static codes of two training series."""
        rows, weights = self._pairs("static_members", n, noise)
        return (weights[..., None] * self.member_static[rows]).sum(1)

    def sample_dynamic(self, n: int, windows: int, noise: Noise, mean_path: bool) -> Tensor:
        """Convex combinations of the paths of two training series, or how the operator goes on."""
        rows, weights = self._pairs("dynamic_members", n, noise)
        missing = max(0, windows - MEMBER_WINDOWS)
        paths = nn.functional.pad(self.member_dynamic, (0, 0, 0, missing))[:, :windows]
        paths = self.extend_dynamic(paths, self.member_lengths, noise)
        mixed = (weights[..., None, None] * paths[rows]).sum(1)
        if mean_path:
            return self.extend_dynamic(mixed, torch.ones_like(rows[:, 0]), noise)
        return mixed

    def _pairs(self, name: str, n: int, noise: Noise) -> tuple[Tensor, Tensor]:
        """Two members for each row, and weights that sum to 1: ``(n, 2)`` both."""
        drawn = torch.special.ndtr(noise(name, (n, 4), next(self.parameters())))
        rows = (drawn[:, :2] * MEMBERS).long().clamp(max=MEMBERS - 1)
        weights = drawn[:, 2:].clamp(min=1e-6)
        return rows, weights / weights.sum(1, keepdim=True)

    def extend_dynamic(self, dynamic: Tensor, lengths: Tensor, noise: Noise) -> Tensor:
        """Go on by the operator beyond each row's length."""
        last, steps = dynamic[:, 0], []
        for t in range(dynamic.shape[1]):
            given = (t < lengths)[:, None]
            last = torch.where(given, dynamic[:, t], last @ self.transition)
            steps.append(last)
        return torch.stack(steps, dim=1)


class SKD(SequenceDisentangler):
    """Autoencoder whose states move linearly, split by the eigenvalues of how they move.

    A series is cut into windows ``x_1 ... x_T``, each with a state ``z_t`` from an LSTM over the
    windows. One matrix ``C``, the Koopman operator, takes every state to the next: in training that
    of least squares over the transitions of each batch. The states' coordinates in its eigenvectors
    are the codes: those with the eigenvalues nearest to 1 stay as they are, and their average over
    time is the static code; the others are the dynamic codes. Training minimises, per series::

        -log p(x | z) + prediction (D + n MSE(z_t, z_{t-1} C)) + eigenvalues n (S + M)

    summed over the ``n`` observed values, in standardised units. ``D`` is how far what is decoded
    from the predicted states is from the reconstruction, in nats; ``S`` the mean squared distance
    of the ``static_dim`` eigenvalues nearest to 1 from 1; ``M`` the mean of the others' real parts,
    as far as they are above 1/2.

    It is no variational method. :meth:`sample` mixes the codes of training series, two at a time
    with random weights that sum to 1: static codes of one pair, paths of the dynamic codes of
    another. ``dynamic_prior='mean_path'`` goes on from the first of them by the operator, and so
    does :meth:`reconstruct` beyond a series' end. :meth:`score_samples` is the log-likelihood given
    the codes, which cost nothing: it is no bound, higher for larger codes, and compares fits of one
    size of this method only.

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
        Sizes of the codes; a conjugate pair of eigenvalues takes two coordinates. A state is as
        large as both together. Released for Sprites: 40, of them 7 eigenvalues static.
    output : {'static', 'dynamic', 'both'}, default='both'
        What :meth:`transform` returns: the static code, the dynamic codes averaged over time, or
        both side by side. May be changed after fit.
    prediction : float, default=0.067
        Weight of both prediction errors: 1/15 as released, where the reconstruction has 15.
    eigenvalues : float, default=0.067
        Weight of the eigenvalues' penalty: 1/15 as released.
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
        Series per step of training, and of inference; the operator is fitted to each batch, best
        with more transitions in it than a state has coordinates.
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
    StaticDynamicVAE : The static code from a single window.
    GPVAE : Dynamics with a Gaussian-process prior.

    Notes
    -----
    The decoder is that of the other methods, which reads every window's state on its own; the
    released one has an LSTM of its own before it. The penalties are those that the released code
    trains with (there ``'ball'`` for the static and ``'real'`` for the dynamic eigenvalues), by
    means there, here by sums over the observed values. There the operator is fitted to each batch
    after training too, so that codes depend on it; here once, to the final states of at most 2,000
    training series. Eigenvalues beyond the unit circle are drawn back to it where the operator goes
    on beyond what is known. Codes are deterministic: ``encode(X, return_std=True)`` gives them the
    smallest deviation that the package knows.

    References
    ----------
    .. [1] Berman, N., Naiman, I. and Azencot, O. (2023). Multifactor Sequential Disentanglement via
       Structured Koopman Autoencoders. ICLR.

    Examples
    --------
    >>> from tsdisentangle import SKD, make_static_dynamic
    >>> bunch = make_static_dynamic(60, random_state=0)
    >>> estimator = SKD(max_epochs=2, random_state=0).fit(bunch.data)
    >>> codes = estimator.encode(bunch.data)
    >>> codes.static.shape, codes.dynamic.shape
    ((60, 24), (60, 24, 24))
    """

    _parameter_constraints = {
        **SequenceDisentangler._parameter_constraints,
        "static_dim": [Interval(Integral, 1, None, closed="left")],
        "prediction": [Interval(Real, 0, None, closed="left")],
        "eigenvalues": [Interval(Real, 0, None, closed="left")],
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
        prediction: float = 0.067,
        eigenvalues: float = 0.067,
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
        self.prediction = prediction
        self.eigenvalues = eigenvalues

    def _build_network(self, n_channels: int, window: int) -> SKDNetwork:
        prediction = float(self.prediction)
        return SKDNetwork(
            *build_parts(self, self.static_dim + self.dynamic_dim, n_channels, window),
            static_dim=self.static_dim,
            dynamic_dim=self.dynamic_dim,
            weights={
                "reconstruction": 1.0,
                "prediction": prediction,
                "latent_prediction": prediction,
                "eigenvalues": float(self.eigenvalues),
            },
        )

    def _learn_static_prior(self, dataset: SequenceDataset) -> None:
        """Fit the operator to the states of training series, evenly spread ones of many."""
        if len(dataset) > MAX_SERIES:
            dataset = dataset.subset(torch.arange(MAX_SERIES) * len(dataset) // MAX_SERIES)
        batches = BatchLoader(dataset, self.batch_size)
        with without_gradients():
            self.net_.module_.settle(batch.to(self.net_.device) for batch, _ in batches)

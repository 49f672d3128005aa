"""Adversarial model of content and motion (Tulyakov et al. 2018), with an encoder."""

import os
from numbers import Integral, Real
from typing import Any

import torch
from sklearn.utils._param_validation import Interval
from torch import Tensor

from tsdisentangle.base import SequenceDisentangler
from tsdisentangle.data.windows import Windows
from tsdisentangle.losses.adversarial import discriminator_loss, generator_loss
from tsdisentangle.methods._sequential import SequentialNetwork
from tsdisentangle.network import weight_pair
from tsdisentangle.nn.batch_norm import keep_running_averages
from tsdisentangle.nn.discriminators import SequenceDiscriminator, WindowDiscriminator
from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.frozen import frozen_weights
from tsdisentangle.nn.noise import Noise
from tsdisentangle.training.building import build_encoder, build_parts


class MoCoGANNetwork(SequentialNetwork):
    """Network of :class:`MoCoGAN`; its parameters are described there.

    ``readers`` are the encoders of the two discriminators.
    """

    def __init__(
        self,
        *parts: Any,
        readers: tuple[ElementEncoder, ElementEncoder],
        **options: Any,
    ):
        super().__init__(*parts, **options)
        self.window_discriminator = WindowDiscriminator(readers[0])
        self.sequence_discriminator = SequenceDiscriminator(readers[1])

    def imitate(self, batch: Windows, noise: Noise) -> Windows:
        """Series from the priors, as long as those of the batch and as gappy.

        Draws from the likelihood where the decoder predicts a scale for each value: series have
        noise, and means without any would be told from them by that alone.
        """
        n, windows = batch.valid.shape
        static = self.sample_static(n, noise)
        dynamic = self.sample_dynamic(n, windows, noise, mean_path=False)
        prediction = self.decode(static, dynamic, noise, batch.valid)
        values = prediction.mean
        if prediction.logvar.shape == values.shape:
            values = prediction.sample(noise, "imitation")[0]
        return batch.refill(values, self.n_marks)

    def compete(self, batch: Windows, noise: Noise) -> dict[str, Tensor]:
        """Losses of the generator and of both discriminators, a value per series."""
        with keep_running_averages(self):
            fake = self.imitate(batch, noise)
            fixed = fake._replace(values=fake.values.detach())
            with frozen_weights(self.window_discriminator, self.sequence_discriminator):
                window = generator_loss(self.window_discriminator(fake))
                sequence = generator_loss(self.sequence_discriminator(fake))
            told = discriminator_loss(
                self.window_discriminator(batch), self.window_discriminator(fixed)
            )
            told_sequence = discriminator_loss(
                self.sequence_discriminator(batch), self.sequence_discriminator(fixed)
            )
        return {
            "window_generator": torch.where(batch.valid, window, 0.0).sum(1),
            "sequence_generator": sequence,
            "window_discriminator": torch.where(batch.valid, told, 0.0).sum(1),
            "sequence_discriminator": told_sequence,
        }

    def forward(self, batch: Windows, noise: Noise) -> dict[str, Tensor]:
        """Parts of the bound; in training also the competition."""
        posterior = self.encode(batch)
        static = posterior.static.sample(noise, "static")
        dynamic = posterior.dynamic.sample(noise, "dynamic")
        terms = self.parts(batch, posterior, static, dynamic, noise)
        if self.training:
            terms.update(self.compete(batch, noise))
        return {name: term.mean() for name, term in terms.items()}


class MoCoGAN(SequenceDisentangler):
    """Content and motion by adversarial training: generated series shall pass for real ones.

    A generator makes series of one content code, ``s ~ N(0, I)``, and a path of motion codes
    ``d_1 ... d_T`` that a recurrent network makes of noise: window ``t`` is decoded from
    ``(s, d_t)``. One discriminator judges single windows (frames of clips), so that each looks
    real, the other whole series, so that they move like real ones. Both minimise
    ``-log D(x) - log(1 - D(x~))`` over real series ``x`` and generated ones ``x~``, the value
    function of [1]_ (section 3.2), which sums the two; the generator minimises
    ``-log D(x~)`` of both, which does not saturate ([2]_, section 3).

    The published generator has no codes for given series, and learns from the discriminators alone.
    Here an encoder is trained with it, by the evidence lower bound: codes are the means of
    ``q(s | x) q(d | x)``, which see the whole series, and the generator learns from the bound as
    well, as in [3]_. So generator and encoder minimise, per series::

        -log p(x | s, d) + beta (KL(q(s) || p(s)) + KL(q(d) || p(d)))
            + adversarial (-log D_sequence(x~) - sum over t of log D_window(x~_t))

    summed over observed values, in standardised units, and the discriminators their own loss, in
    the same steps. :meth:`score` is the evidence lower bound, as of the other methods.

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
    beta : float or pair of floats, default=1.0
        Weight of both KL divergences, or of the static and the dynamic one.
    adversarial : float, default=1.0
        Weight of what the discriminators tell the generator, beside the evidence lower bound. With
        large ones the codes count for less, and the competition may not settle.
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
        Series per step of training, and of inference; as many are generated in each step.
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
    RWAE : A discriminator of codes.
    CDSVAE : The same encoder, without generated series.

    Notes
    -----
    Discriminators are the encoder's network, with weights of their own, and a linear layer; that of
    series has an LSTM between, in the place of the paper's convolutions over a fixed number of
    frames. Generated series get the lengths and the gaps of those that they stand beside, and are
    draws from the likelihood where the decoder predicts a scale per value. The recurrent network
    that makes the motion takes its noise in one place of each step, so that motion has a density,
    which the encoder needs: ``d_t ~ p(d_t | d_<t)``. All learn in the same step, at the same rate.
    :meth:`sample` draws ``s`` from ``N(0, I)``, as in training. Categories of actions are left out.

    References
    ----------
    .. [1] Tulyakov, S., Liu, M.-Y., Yang, X. and Kautz, J. (2018). MoCoGAN: Decomposing Motion and
       Content for Video Generation. CVPR.
    .. [2] Goodfellow, I., Pouget-Abadie, J., Mirza, M. et al. (2014). Generative Adversarial Nets.
       NeurIPS.
    .. [3] Larsen, A. B. L., Soenderby, S. K., Larochelle, H. and Winther, O. (2016). Autoencoding
       beyond pixels using a learned similarity metric. ICML.

    Examples
    --------
    >>> from tsdisentangle import MoCoGAN, make_static_dynamic
    >>> bunch = make_static_dynamic(60, random_state=0)
    >>> estimator = MoCoGAN(max_epochs=2, random_state=0).fit(bunch.data)
    >>> codes = estimator.encode(bunch.data)
    >>> codes.static.shape, codes.dynamic.shape
    ((60, 24), (60, 24, 24))
    """

    _parameter_constraints = {
        **SequenceDisentangler._parameter_constraints,
        "static_dim": [Interval(Integral, 1, None, closed="left")],
        "beta": [Interval(Real, 0, None, closed="left"), tuple, list],
        "adversarial": [Interval(Real, 0, None, closed="left")],
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
        beta: float | tuple[float, float] = 1.0,
        adversarial: float = 1.0,
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
        self.beta = beta
        self.adversarial = adversarial

    def _build_network(self, n_channels: int, window: int) -> MoCoGANNetwork:
        static_kl, dynamic_kl = weight_pair("beta", self.beta)
        return MoCoGANNetwork(
            *build_parts(self, self.static_dim + self.dynamic_dim, n_channels, window),
            readers=(
                build_encoder(self, n_channels, window),
                build_encoder(self, n_channels, window),
            ),
            static_dim=self.static_dim,
            dynamic_dim=self.dynamic_dim,
            weights={
                "reconstruction": 1.0,
                "static_kl": static_kl,
                "dynamic_kl": dynamic_kl,
                "window_generator": float(self.adversarial),
                "sequence_generator": float(self.adversarial),
                "window_discriminator": 1.0,
                "sequence_discriminator": 1.0,
            },
        )

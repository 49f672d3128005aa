"""Static code from a single element (Berman et al. 2024)."""

import os
from numbers import Integral, Real
from typing import Any

import torch
from sklearn.utils._param_validation import Interval, StrOptions

from tsdisentangle.methods._static_code import StaticCodeDisentangler
from tsdisentangle.methods._static_dynamic_network import (
    ANCHOR_IN_SEQUENCE,
    StaticDynamicNetwork,
)
from tsdisentangle.network import weight_pair
from tsdisentangle.nn.anchor import RELATIVE_ANCHORS
from tsdisentangle.training.building import build_parts


class StaticDynamicVAE(StaticCodeDisentangler):
    """Sequential VAE whose static code comes from a single element of the sequence.

    A series is cut into windows ``x_1 ... x_T``. It is described by one static code and one
    dynamic code per window: ``s ~ N(0, I)``, ``d_t ~ p(d_t | d_<t)`` from a learned recurrent
    prior, ``x_t ~ p(x_t | s, d_t)``. The posterior of ``s`` sees one window only, the anchor
    ``x_i``, so it cannot hold what changes afterwards; the features of the anchor are subtracted
    from those of the other windows before the dynamic codes are read from them, so they hold
    little of what stays. Training minimises, per series::

        -log p(x_t | s, d_t) over t != i  -  alpha log p(x_i | s, d_i)
            + beta (KL(q(s) || p(s)) + KL(q(d) || p(d)))

    summed over observed values, in standardised units.

    Parameters
    ----------
    encoder : parameter object, default=None
        Makes the encoder network; None means :class:`TabularEncoder`. Its parameters are reached
        as ``encoder__hidden`` once an object is passed. :class:`VideoEncoder` takes clips,
        :class:`SpectrogramEncoder` spectrograms; see the documentation pages "Video and audio"
        and "Your own encoder".
    decoder : parameter object, default=None
        Makes the decoder network; None means ``encoder.decoder()``.
    window : int or 'auto', default='auto'
        Time steps of an element. ``'auto'`` takes 1/24 of the longest training series, or single
        steps if that has fewer than 48, and of video and spectrograms always a single frame. A
        partial last window is padded and masked.
    static_dim, dynamic_dim : int, default=24
        Sizes of the codes (8 in the paper's time-series tables). Equal, so that neither code
        wins by its size; a narrow dynamic code separates more strictly.
    output : {'static', 'dynamic', 'both'}, default='both'
        What :meth:`transform` returns: the static code, the dynamic codes averaged over time, or
        both side by side. May be changed after fit.
    anchor : {'first', 'middle', 'last', 'random', 'random_batch', 'mean'} or int, default='first'
        The element of the static code. Words are relative to each series' own observed windows;
        ``'random'`` draws one position per fit, ``'random_batch'`` one per batch (and uses the
        first after fit). An int is a window index; where that is not observed, the nearest one is
        taken. With ``missing='indicate'`` each window up to the last observed value counts.
        ``TabularEncoder('step')`` skips sparse steps, so its anchor has a step that is read.
        ``'mean'`` averages static code and subtracted features over all windows, in training too:
        swaps keep more of the content, but the code is no longer that of a single element, and the
        codes leak more into each other. No window is the anchor then: all count 1 in the loss.
    static_pooling : {'anchor', 'mean', 'precision'}, default='anchor'
        After fit, take the static code from the anchor, as in the paper, or average the posterior
        means of all windows that could be an anchor, equally or weighted by their precision.
        Usually more accurate, at the price that the code is no longer that of a single element. It
        belongs together with ``anchor='random_batch'``: else windows are read that the static code
        was never trained on.
        It is what ``transform`` and ``encode`` return; ``reconstruct``, ``impute`` and ``swap``
        decode the anchor's, which the dynamic codes are relative to. May be changed after fit.
    static_prior : {'aggregate', 'normal'}, default='aggregate'
        What :meth:`sample` draws static codes from: a mixture of Gaussians that is fitted to those
        of the training series (Ghosh et al. 2020), or ``N(0, I)``, from which they differ, so that
        samples are less diverse than the data. After fit, only a change to ``'normal'`` works.
    alpha : float, default=0.2
        Weight of the anchor's reconstruction.
    beta : float or pair of floats, default=(0.2, 1.0)
        Weight of both KL divergences, or of the static and the dynamic one. With ``dynamic_rate``
        the latter is where its weight starts.
    anchor_loss : {'step', 'static_only', 'none', 'drop'}, default='step'
        ``'step'``: the anchor counts ``alpha``, the others 1. ``'static_only'``: all count 1, and
        ``alpha`` weighs the reconstruction of the whole series from the static code with dynamics
        at zero (the released audio code). ``'none'``: all count 1, a plain evidence lower bound
        (the ablation "no loss"). ``'drop'``: the anchor does not count.
    subtract : bool, default=True
        Subtract the anchor's features from the others; False is the ablation "no sub".
    anchor_token : {'noise', 'zero'}, default='noise'
        What stands at the anchor in training, where the difference to itself would say nothing:
        noise, as in the paper, or its mean, which stands there after fit in any case. Zero scores
        a little higher where sequences are short.
    dynamic_rate : 'auto', float or None, default='auto'
        Nats per window that the dynamic codes are held at, by a weight of their divergence that
        adapts from ``beta`` on in training: fewer starve them, more let them hold what stays.
        ``'auto'`` is 0.35 times the root of the observed values per window, chosen on validation
        parts of six data sets (documentation page "Design"). None keeps ``beta``, as in the paper.
    dynamic_skip : bool, default=True
        Whether the dynamic codes are read from the differences themselves, beside what an LSTM
        makes of all of them; False is the paper's network. Encoders that read each window on its
        own have no such LSTM.
    dynamic_posterior : {'bidirectional', 'causal'}, default='bidirectional'
        Whether ``d_t`` may depend on later windows. Encoders that read each window on its own
        (``TabularEncoder('step')``) have no such dependence in either case.
    n_samples : int, default=1
        Monte-Carlo draws of the codes per series and step of training.
    static_contrast : float, default=0.0
        Weight, per observed value of a series, of a term by which the static codes of two windows
        of a series, drawn in each batch, are to be more alike than those of other series
        (InfoNCE with cosines, temperature 0.2). 0 leaves it out; 0.05 to 0.17 was useful. Series
        of one window take no part.
    moments : float, default=0.0
        Weight of a term by which a linear layer is to tell from the static code the mean, standard
        deviation and missing share of each channel over the whole series (squared error in
        standardised units, summed over the three and over channels; Edwards & Storkey 2017). 0
        leaves it out; 20 was useful on PhysioNet.
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
    scaler_ : ChannelScaler or ClipFormat
        Mean and scale of each channel; of video, layout and dtype of the frames.
    window_ : int
        Time steps of an element.
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
    TabularEncoder : Encoder of tabular windows, in the default form and in the paper's.
    VideoEncoder, SpectrogramEncoder : Encoders of clips and of spectrograms.
    make_static_dynamic : Series with known factors.

    Notes
    -----
    What the anchor itself does at its moment is not dynamics to this model: the differences to
    the anchor leave it out, so the static code keeps it.

    References
    ----------
    .. [1] Berman, N., Naiman, I., Arbiv, I., Fadlon, G. and Azencot, O. (2024). Sequential
       Disentanglement by Extracting Static Information From A Single Sequence Element. ICML.

    Examples
    --------
    >>> from tsdisentangle import StaticDynamicVAE, make_static_dynamic
    >>> bunch = make_static_dynamic(60, random_state=0)
    >>> estimator = StaticDynamicVAE(max_epochs=3, random_state=0).fit(bunch.data)
    >>> estimator.transform(bunch.data).shape
    (60, 48)
    >>> codes = estimator.encode(bunch.data)
    >>> codes.static.shape, codes.dynamic.shape
    ((60, 24), (60, 24, 24))
    """

    _parameter_constraints = {
        **StaticCodeDisentangler._parameter_constraints,
        "static_dim": [Interval(Integral, 1, None, closed="left")],
        "anchor": [
            StrOptions({*RELATIVE_ANCHORS, "mean"}),
            Interval(Integral, 0, None, closed="left"),
        ],
        "static_pooling": [StrOptions({"anchor", "mean", "precision"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "beta": [Interval(Real, 0, None, closed="left"), tuple, list],
        "anchor_loss": [StrOptions(set(ANCHOR_IN_SEQUENCE))],
        "subtract": ["boolean"],
        "anchor_token": [StrOptions({"noise", "zero"})],
        "dynamic_rate": [None, StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "dynamic_skip": ["boolean"],
        "dynamic_posterior": [StrOptions({"bidirectional", "causal"})],
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "static_contrast": [Interval(Real, 0, None, closed="left")],
        "moments": [Interval(Real, 0, None, closed="left")],
    }
    _after_fit = (*StaticCodeDisentangler._after_fit, "static_pooling")
    _before = {**StaticCodeDisentangler._before, "dynamic_rate": None, "dynamic_skip": False}

    def __init__(
        self,
        encoder: Any = None,
        decoder: Any = None,
        *,
        window: int | str = "auto",
        static_dim: int = 24,
        dynamic_dim: int = 24,
        output: str = "both",
        anchor: str | int = "first",
        static_pooling: str = "anchor",
        static_prior: str = "aggregate",
        alpha: float = 0.2,
        beta: float | tuple[float, float] = (0.2, 1.0),
        anchor_loss: str = "step",
        subtract: bool = True,
        anchor_token: str = "noise",
        dynamic_rate: str | float | None = "auto",
        dynamic_skip: bool = True,
        dynamic_posterior: str = "bidirectional",
        n_samples: int = 1,
        static_contrast: float = 0.0,
        moments: float = 0.0,
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
        self.anchor = anchor
        self.static_pooling = static_pooling
        self.static_prior = static_prior
        self.alpha = alpha
        self.beta = beta
        self.anchor_loss = anchor_loss
        self.subtract = subtract
        self.anchor_token = anchor_token
        self.dynamic_rate = dynamic_rate
        self.dynamic_skip = dynamic_skip
        self.dynamic_posterior = dynamic_posterior
        self.n_samples = n_samples
        self.static_contrast = static_contrast
        self.moments = moments

    def _weights(self) -> dict[str, float]:
        static_kl, dynamic_kl = weight_pair("beta", self.beta)
        options = {"static_contrast": self.static_contrast, "moments": self.moments}
        return {
            "reconstruction": 1.0,
            "anchor": float(self.alpha),
            "static_kl": static_kl,
            "dynamic_kl": dynamic_kl,
            **{name: float(weight) for name, weight in options.items() if weight},
        }

    _network = StaticDynamicNetwork  # a variant of the method replaces it

    def _build_network(self, n_channels: int, window: int) -> StaticDynamicNetwork:
        return self._network(
            *build_parts(self, self.static_dim + self.dynamic_dim, n_channels, window),
            static_dim=self.static_dim,
            dynamic_dim=self.dynamic_dim,
            anchor=self.anchor if isinstance(self.anchor, str) else int(self.anchor),
            anchor_fraction=self.random_state_.random_sample(),
            anchor_loss=self.anchor_loss,
            subtract=self.subtract,
            dynamic_skip=self.dynamic_skip,
            noisy_token=self.anchor_token == "noise",
            bidirectional=self.dynamic_posterior == "bidirectional",
            n_samples=self.n_samples,
            weights=self._weights(),
        )

    def _encode_options(self) -> dict[str, Any]:
        return {"pooling": self.static_pooling}

"""Training in several processes, on one machine or many, by accelerate."""

import copy
from typing import Any

import torch
from sklearn.utils import check_random_state

from tsdisentangle.base import SequenceDisentangler
from tsdisentangle.nn.torch_state import plain_torch
from tsdisentangle.training.dataset import SequenceDataset
from tsdisentangle.training.distributed import DistributedNet, together
from tsdisentangle.training.state import fingerprint

try:
    from accelerate import Accelerator
    from accelerate.utils import DistributedType
except ImportError as error:
    raise ImportError(
        "tsdisentangle.interop.accelerate needs accelerate: "
        "pip install 'tsdisentangle[accelerate]'."
    ) from error

# Of X in a file, so many series are compared between the processes, beside all lengths and scales.
MARKED_ROWS = 1000
DATA_PARALLEL = (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU)


@plain_torch()
def fit_distributed(
    estimator: SequenceDisentangler, X: Any, accelerator: Accelerator | None = None
) -> SequenceDisentangler:
    """Fit with the processes that ``accelerate launch`` has started, in all of them alike.

    Every process calls this with the same estimator and the same ``X``, the whole of it in the same
    order, which is checked before the first step. A step of training takes
    ``batch_size`` series in each process, of an order that all share; each reads its own only.
    Gradients, ``history_`` and the validation loss are those of the series of all processes. In a
    single process this is ``estimator.fit(X)``. See the documentation page "More than one machine".

    Parameters
    ----------
    estimator : SequenceDisentangler
        Any method. ``batch_size`` is that of one process; ``device`` names the kind of device,
        and accelerate gives each process one of its own. A ``random_state`` that is no int is
        that of process 0. Callbacks run in every process, and must not stop only one.
    X : array, list of arrays or DataFrame
        As in ``fit``. Let a large one stay in a file: in memory, it is in every process's.
    accelerator : Accelerator, default=None
        For options, such as those of ``DistributedDataParallelKwargs``; None makes one.

    Returns
    -------
    SequenceDisentangler
        The estimator, fitted as ``fit`` leaves it, with the same weights in every process.

    Raises
    ------
    ValueError
        Bad input or a bad parameter, ``X`` or a parameter that is not the same in every process,
        ``device`` of another kind than the accelerator's, or an accelerator that would do what the
        estimator does itself or what it cannot do.
    RuntimeError
        Another process has failed, of which the message says what.
    FloatingPointError
        The loss became NaN or infinite.

    See Also
    --------
    tsdisentangle.interop.dask : Encoding in several processes.

    Examples
    --------
    >>> from tsdisentangle import StaticDynamicVAE, make_static_dynamic
    >>> from tsdisentangle.interop.accelerate import fit_distributed
    >>> X = make_static_dynamic(20, random_state=0).data
    >>> estimator = fit_distributed(StaticDynamicVAE(max_epochs=1, random_state=0), X)
    >>> estimator.transform(X).shape
    (20, 48)
    """
    accelerator = Accelerator() if accelerator is None else accelerator
    _check_accelerator(accelerator)
    if accelerator.num_processes == 1:  # then the estimator does everything itself
        return estimator.fit(X)
    states = together(lambda: _checked_state(estimator, accelerator))
    asked = copy.copy(estimator)
    asked.random_state = states[0]
    if accelerator.device.type != "cpu":  # a processor has no number, though accelerate gives one
        asked.device = accelerator.device
    asked.verbose = estimator.verbose if accelerator.is_main_process else 0
    prepared: list[Any] = []

    def prepare() -> dict[str, Any]:
        prepared.extend(asked._prepare(X))
        return _marks(estimator, prepared[1])

    _refuse_different(together(prepare))
    fitted, dataset = prepared
    handler = accelerator.ddp_handler
    joined = DistributedNet.join(fitted.net_, {} if handler is None else handler.to_kwargs())
    fitted.net_ = joined
    try:
        fitted._train(dataset, fitted.max_epochs_)
    finally:
        fitted.net_ = joined.leave()
    for name in ("random_state", "device", "verbose"):
        setattr(fitted, name, getattr(estimator, name))
    return estimator._adopt(fitted)


def _checked_state(estimator: SequenceDisentangler, accelerator: Accelerator) -> Any:
    """Check the estimator, and return its random generator."""
    _check(estimator, accelerator)
    estimator._validate_params()
    return check_random_state(estimator.random_state)


def _marks(estimator: SequenceDisentangler, dataset: SequenceDataset) -> dict[str, Any]:
    """Return what must be the same in every process: parameters, and a fingerprint of X."""
    parameters = estimator.get_params(deep=True)
    own = {"device", "verbose", "random_state"}
    marks = {
        name: value
        for name, value in parameters.items()
        if name not in own and (value is None or isinstance(value, bool | int | float | str))
    }
    return {**marks, "X": fingerprint(dataset, MARKED_ROWS)}


def _refuse_different(marks: list[dict[str, Any]]) -> None:
    """Refuse a fit of different data or parameters, in all processes.

    Raises
    ------
    ValueError
    """
    for name in dict.fromkeys(name for each in marks for name in each):
        values = [each.get(name) for each in marks]
        if name == "X" and len(set(values)) > 1:
            numbers = [values.index(value) for value in values]
            raise ValueError(
                f"X differs between the processes (by rank, the first one with the same X: "
                f"{numbers}). Pass the whole of X, in the same order, in every process: each takes "
                "its share of every batch itself, and one scale is learned from all of it."
            )
        if len(set(map(repr, values))) > 1:
            raise ValueError(
                f"{name} differs between the processes: {values} by rank. Pass the same parameters "
                "in every process; batch_size is that of one process."
            )


def _check_accelerator(accelerator: Accelerator) -> None:
    """Refuse settings of a launch, which all processes share, that would be ignored.

    Raises
    ------
    ValueError
    """
    if accelerator.distributed_type not in DATA_PARALLEL:
        raise ValueError(
            f"accelerate runs as {accelerator.distributed_type.value}; expected processes that "
            "each hold the whole network: launch with --multi_gpu."
        )
    if accelerator.mixed_precision != "no":
        raise ValueError(
            f"accelerate has mixed_precision={accelerator.mixed_precision!r}, which would run "
            "recurrent layers in half precision too. Launch with --mixed_precision no and pass "
            "precision='bfloat16' or 'float16' to the estimator."
        )
    if accelerator.gradient_accumulation_steps != 1:
        raise ValueError(
            f"accelerate has gradient_accumulation_steps={accelerator.gradient_accumulation_steps}"
            "; expected 1. Pass a larger batch_size to the estimator."
        )


def _check(estimator: SequenceDisentangler, accelerator: Accelerator) -> None:
    """Refuse parameters that would be ignored, or that another process cannot follow.

    Raises
    ------
    ValueError
    """
    if estimator.checkpoint_dir is not None:
        raise ValueError(
            "checkpoint_dir is for a fit in one process: a checkpoint has the random generator of "
            "one of them only. Pass checkpoint_dir=None."
        )
    if torch.device(estimator.device).type != accelerator.device.type:
        raise ValueError(
            f"device={estimator.device!r}, but accelerate computes on {accelerator.device}. Pass "
            f"device={accelerator.device.type!r}, or launch with ACCELERATE_USE_CPU=true for 'cpu'."
        )

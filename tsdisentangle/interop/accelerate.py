"""Training in several processes, on one machine or many, by accelerate."""

import copy
from typing import Any

import torch
from sklearn.utils import check_random_state

from tsdisentangle.base import SequenceDisentangler
from tsdisentangle.training.distributed import DistributedNet

try:
    from accelerate import Accelerator
    from accelerate.utils import DistributedType, broadcast_object_list
except ImportError as error:
    raise ImportError(
        "tsdisentangle.interop.accelerate needs accelerate: "
        "pip install 'tsdisentangle[accelerate]'."
    ) from error

DATA_PARALLEL = (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU)


def fit_distributed(
    estimator: SequenceDisentangler, X: Any, accelerator: Accelerator | None = None
) -> SequenceDisentangler:
    """Fit with the processes that ``accelerate launch`` has started, in all of them alike.

    Every process calls this with the same estimator and the same ``X``. A step of training takes
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
        Bad input or a bad parameter, ``device`` of another kind than the accelerator's, or an
        accelerator that would do what the estimator does itself or what it cannot do.
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
    _check(estimator, accelerator)
    if accelerator.num_processes == 1:
        return estimator.fit(X)
    estimator._validate_params()
    asked = copy.copy(estimator)
    asked.random_state = _of_first_process(check_random_state(estimator.random_state))
    if accelerator.device.type != "cpu":  # a processor has no number, though accelerate gives one
        asked.device = accelerator.device
    asked.verbose = estimator.verbose if accelerator.is_main_process else 0
    fitted, dataset = asked._prepare(X)
    handler = accelerator.ddp_handler
    joined = DistributedNet.join(fitted.net_, {} if handler is None else handler.to_kwargs())
    fitted.net_ = joined
    fitted._train(dataset, fitted.max_epochs_)
    fitted.net_ = joined.leave()
    for name in ("random_state", "device", "verbose"):
        setattr(fitted, name, getattr(estimator, name))
    return estimator._adopt(fitted)


def _of_first_process(value: Any) -> Any:
    return broadcast_object_list([value])[0]


def _check(estimator: SequenceDisentangler, accelerator: Accelerator) -> None:
    """Refuse settings that would be ignored.

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
    if accelerator.num_processes == 1:  # then the estimator does everything itself
        return
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

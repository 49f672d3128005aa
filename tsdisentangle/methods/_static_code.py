"""What methods with a static code of their own share: a prior that is fitted to the codes."""

from typing import Any

import numpy as np
import torch
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from tsdisentangle.base import SequenceDisentangler
from tsdisentangle.training.aggregate_prior import (
    MAX_SERIES,
    SEED,
    AggregatePrior,
    LazyPrior,
)
from tsdisentangle.training.dataset import SequenceDataset


class StaticCodeDisentangler(SequenceDisentangler):
    """Base of the methods whose decoder reads a static code, with the parameter ``static_prior``.

    Attributes
    ----------
    static_prior_ : AggregatePrior
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **SequenceDisentangler._parameter_constraints,
        "static_prior": [StrOptions({"aggregate", "normal"})],
    }
    _after_fit = (*SequenceDisentangler._after_fit, "static_prior")
    _before: dict[str, Any] = {**SequenceDisentangler._before, "static_prior": "normal"}

    _static_codes_: LazyPrior

    @property
    def static_prior_(self) -> AggregatePrior:
        """Mixture of Gaussians over the static codes of the training series.

        Fitted when it is first asked for.
        """
        check_is_fitted(self)
        codes = getattr(self, "_static_codes_", None)
        if codes is None or codes.mixture is None:
            raise AttributeError(
                f"This {type(self).__name__} has no static_prior_: it was fitted with "
                "static_prior='normal', or comes from a file that was written before there was "
                "one, or its static codes are not finite. Pass static_prior='normal', or fit "
                "again with 'aggregate'."
            )
        return codes.mixture

    def _learn_static_prior(self, dataset: SequenceDataset) -> None:
        """Keep the posteriors of the static codes, of no more series than it takes.

        It takes a pass over them, which after a :meth:`partial_fit` is a good part of the whole.
        """
        if self.static_prior == "normal":
            return
        if len(dataset) > MAX_SERIES:
            rows = np.random.RandomState(SEED).permutation(len(dataset))[:MAX_SERIES]
            dataset = dataset.subset(torch.from_numpy(np.sort(rows)))
        posterior = self.net_.map_dataset(self._inference().static_posterior, dataset)
        self._static_codes_ = LazyPrior(*posterior)

    def _draw_static(self, normal: np.ndarray, seed: int) -> np.ndarray:
        if self.static_prior == "normal":
            return normal
        return self.static_prior_.transform(normal, np.random.RandomState(seed))

from tsdisentangle.losses.elbo import (
    bernoulli_nll,
    gaussian_nll,
    kl_gaussian,
    kl_standard_normal,
)

__all__ = ["bernoulli_nll", "gaussian_nll", "kl_gaussian", "kl_standard_normal"]

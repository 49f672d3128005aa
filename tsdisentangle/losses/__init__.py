from tsdisentangle.losses.elbo import gaussian_nll, kl_gaussian, kl_standard_normal

__all__ = ["gaussian_nll", "kl_gaussian", "kl_standard_normal"]

"""Published numbers of generation, leakage and verification; cited, not measured here.

Berman et al. (ICML 2024), Tables 1, 2 and 7, as printed: accuracies, error rates and gaps are
shares, so a printed 92.89 % stands as 0.9289. 'StaticDynamicVAE' is the paper's method. Some of
the printed numbers contradict each other; the documentation page "Metrics" names them.
"""

from typing import NamedTuple

METHODS = (
    "MoCoGAN",
    "DSVAE",
    "R-WAE",
    "S3VAE",
    "SKD",
    "CDSVAE",
    "SPYL",
    "StaticDynamicVAE",
)

# Table 1; the judge's accuracy, inception score, H(y|x) and H(y).
_GENERATION: dict[tuple[str, str], tuple[float, ...]] = {
    ("Sprites", "accuracy"): (0.9289, 0.9073, 0.9898, 0.9949, 1.0, 0.9999, 1.0, 1.0),
    ("Sprites", "inception_score"): (8.461, 8.384, 8.516, 8.637, 8.999, 8.871, 8.942, 8.942),
    ("Sprites", "conditional_entropy"): (
        *(0.090, 0.072, 0.055, 0.041, 1.6e-7, 0.014, 0.006),
        0.006,
    ),
    ("Sprites", "marginal_entropy"): (2.192, 2.192, 2.197, 2.197, 2.197, 2.197, 2.197, 2.197),
    ("MUG", "accuracy"): (0.6312, 0.5429, 0.7125, 0.7051, 0.7745, 0.8116, 0.8571, 0.8690),
    ("MUG", "inception_score"): (4.332, 3.608, 5.149, 5.136, 5.569, 5.341, 5.548, 5.598),
    ("MUG", "conditional_entropy"): (0.183, 0.374, 0.131, 0.135, 0.052, 0.092, 0.066, 0.041),
    ("MUG", "marginal_entropy"): (1.721, 1.657, 1.771, 1.760, 1.769, 1.775, 1.779, 1.782),
}
GENERATION = {
    column: dict(zip(METHODS, values, strict=True)) for column, values in _GENERATION.items()
}


class PrintedGaps(NamedTuple):
    """A line of Table 2; see :class:`~tsdisentangle.metrics.LeakageGaps` for the accuracies."""

    static_from_static: float
    dynamic_from_static: float
    static_gap: float
    static_from_dynamic: float
    dynamic_from_dynamic: float
    dynamic_gap: float


# Table 2, MUG: by generation, and by classification of the codes (as in Table 11).
LEAKAGE: dict[tuple[str, str], PrintedGaps] = {
    ("generation", "CDSVAE"): PrintedGaps(0.9912, 0.299, 0.6922, 0.0375, 0.8116, 0.7741),
    ("generation", "SPYL"): PrintedGaps(0.9945, 0.2765, 0.718, 0.0363, 0.8571, 0.8208),
    ("generation", "StaticDynamicVAE"): PrintedGaps(
        *(0.9942, 0.2085, 0.7857), *(0.0289, 0.8690, 0.8401)
    ),
    ("generation", "StaticDynamicVAE/no_loss"): PrintedGaps(
        *(0.5297, 0.1893, 0.3404), *(0.0258, 0.6628, 0.6370)
    ),
    ("generation", "StaticDynamicVAE/no_sub"): PrintedGaps(
        *(0.3441, 0.1922, 0.1519), *(0.3982, 0.8331, 0.4318)
    ),
    ("generation", "StaticDynamicVAE/no_both"): PrintedGaps(
        *(0.1094, 0.1786, 0.0692), *(0.1576, 0.7195, 0.5619)
    ),
    ("latent", "CDSVAE"): PrintedGaps(0.9875, 0.7625, 0.2225, 0.2625, 0.8250, 0.5625),
    ("latent", "SPYL"): PrintedGaps(0.9812, 0.6875, 0.2937, 0.1000, 0.8562, 0.7562),
    ("latent", "StaticDynamicVAE"): PrintedGaps(
        *(0.9935, 0.4506, 0.5429), *(0.1136, 0.8551, 0.7415)
    ),
}


class PrintedRates(NamedTuple):
    """A line of Table 7: equal error rates of both codes, and their difference."""

    static: float
    dynamic: float
    gap: float


# Table 7, TIMIT.
VERIFICATION: dict[str, PrintedRates] = {
    "FHVAE": PrintedRates(0.0506, 0.2277, 0.1771),
    "DSVAE": PrintedRates(0.0564, 0.1920, 0.1356),
    "R-WAE": PrintedRates(0.0473, 0.2341, 0.1868),
    "S3VAE": PrintedRates(0.0502, 0.2551, 0.2049),
    "SKD": PrintedRates(0.0446, 0.2678, 0.2232),
    "CDSVAE": PrintedRates(0.0403, 0.3181, 0.2778),
    "SPYL": PrintedRates(0.0341, 0.3322, 0.2981),
    "StaticDynamicVAE": PrintedRates(0.0350, 0.3462, 0.3111),
}

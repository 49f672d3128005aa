"""Published numbers of the tables; cited, not measured here.

Berman et al. (ICML 2024), as printed: accuracies, error rates and gaps are shares, so a printed
92.89 % stands as 0.9289; errors of the oil temperature are in degrees Celsius. 'StaticDynamicVAE'
is the paper's method and 'raw/flat' its row on raw features. Some of the printed numbers contradict
each other; the documentation page "Metrics" names them.
"""

from typing import NamedTuple

# By table, then task and metric, then row, by its name for ``--methods``.
PUBLISHED: dict[str, dict[tuple[str, str], dict[str, float]]] = {
    # The judge's accuracy, inception score, H(y|x) and H(y).
    "1": {
        ("Sprites", "accuracy"): {
            "MoCoGAN": 0.9289,
            "DSVAE": 0.9073,
            "R-WAE": 0.9898,
            "S3VAE": 0.9949,
            "SKD": 1.0,
            "CDSVAE": 0.9999,
            "SPYL": 1.0,
            "StaticDynamicVAE": 1.0,
        },
        ("Sprites", "IS"): {
            "MoCoGAN": 8.461,
            "DSVAE": 8.384,
            "R-WAE": 8.516,
            "S3VAE": 8.637,
            "SKD": 8.999,
            "CDSVAE": 8.871,
            "SPYL": 8.942,
            "StaticDynamicVAE": 8.942,
        },
        ("Sprites", "H(y given x)"): {
            "MoCoGAN": 0.09,
            "DSVAE": 0.072,
            "R-WAE": 0.055,
            "S3VAE": 0.041,
            "SKD": 1.6e-07,
            "CDSVAE": 0.014,
            "SPYL": 0.006,
            "StaticDynamicVAE": 0.006,
        },
        ("Sprites", "H(y)"): {
            "MoCoGAN": 2.192,
            "DSVAE": 2.192,
            "R-WAE": 2.197,
            "S3VAE": 2.197,
            "SKD": 2.197,
            "CDSVAE": 2.197,
            "SPYL": 2.197,
            "StaticDynamicVAE": 2.197,
        },
        ("MUG", "accuracy"): {
            "MoCoGAN": 0.6312,
            "DSVAE": 0.5429,
            "R-WAE": 0.7125,
            "S3VAE": 0.7051,
            "SKD": 0.7745,
            "CDSVAE": 0.8116,
            "SPYL": 0.8571,
            "StaticDynamicVAE": 0.869,
        },
        ("MUG", "IS"): {
            "MoCoGAN": 4.332,
            "DSVAE": 3.608,
            "R-WAE": 5.149,
            "S3VAE": 5.136,
            "SKD": 5.569,
            "CDSVAE": 5.341,
            "SPYL": 5.548,
            "StaticDynamicVAE": 5.598,
        },
        ("MUG", "H(y given x)"): {
            "MoCoGAN": 0.183,
            "DSVAE": 0.374,
            "R-WAE": 0.131,
            "S3VAE": 0.135,
            "SKD": 0.052,
            "CDSVAE": 0.092,
            "SPYL": 0.066,
            "StaticDynamicVAE": 0.041,
        },
        ("MUG", "H(y)"): {
            "MoCoGAN": 1.721,
            "DSVAE": 1.657,
            "R-WAE": 1.771,
            "S3VAE": 1.76,
            "SKD": 1.769,
            "CDSVAE": 1.775,
            "SPYL": 1.779,
            "StaticDynamicVAE": 1.782,
        },
    },
    # By generation, and by classification of the codes (as in Table 11).
    "2": {
        ("MUG", "generation, static from static"): {
            "CDSVAE": 0.9912,
            "SPYL": 0.9945,
            "StaticDynamicVAE": 0.9942,
            "StaticDynamicVAE/no_loss": 0.5297,
            "StaticDynamicVAE/no_sub": 0.3441,
            "StaticDynamicVAE/no_both": 0.1094,
        },
        ("MUG", "generation, dynamic from static"): {
            "CDSVAE": 0.299,
            "SPYL": 0.2765,
            "StaticDynamicVAE": 0.2085,
            "StaticDynamicVAE/no_loss": 0.1893,
            "StaticDynamicVAE/no_sub": 0.1922,
            "StaticDynamicVAE/no_both": 0.1786,
        },
        ("MUG", "generation, static gap"): {
            "CDSVAE": 0.6922,
            "SPYL": 0.718,
            "StaticDynamicVAE": 0.7857,
            "StaticDynamicVAE/no_loss": 0.3404,
            "StaticDynamicVAE/no_sub": 0.1519,
            "StaticDynamicVAE/no_both": 0.0692,
        },
        ("MUG", "generation, static from dynamic"): {
            "CDSVAE": 0.0375,
            "SPYL": 0.0363,
            "StaticDynamicVAE": 0.0289,
            "StaticDynamicVAE/no_loss": 0.0258,
            "StaticDynamicVAE/no_sub": 0.3982,
            "StaticDynamicVAE/no_both": 0.1576,
        },
        ("MUG", "generation, dynamic from dynamic"): {
            "CDSVAE": 0.8116,
            "SPYL": 0.8571,
            "StaticDynamicVAE": 0.869,
            "StaticDynamicVAE/no_loss": 0.6628,
            "StaticDynamicVAE/no_sub": 0.8331,
            "StaticDynamicVAE/no_both": 0.7195,
        },
        ("MUG", "generation, dynamic gap"): {
            "CDSVAE": 0.7741,
            "SPYL": 0.8208,
            "StaticDynamicVAE": 0.8401,
            "StaticDynamicVAE/no_loss": 0.637,
            "StaticDynamicVAE/no_sub": 0.4318,
            "StaticDynamicVAE/no_both": 0.5619,
        },
        ("MUG", "latent, static from static"): {
            "CDSVAE": 0.9875,
            "SPYL": 0.9812,
            "StaticDynamicVAE": 0.9935,
        },
        ("MUG", "latent, dynamic from static"): {
            "CDSVAE": 0.7625,
            "SPYL": 0.6875,
            "StaticDynamicVAE": 0.4506,
        },
        ("MUG", "latent, static gap"): {
            "CDSVAE": 0.2225,
            "SPYL": 0.2937,
            "StaticDynamicVAE": 0.5429,
        },
        ("MUG", "latent, static from dynamic"): {
            "CDSVAE": 0.2625,
            "SPYL": 0.1,
            "StaticDynamicVAE": 0.1136,
        },
        ("MUG", "latent, dynamic from dynamic"): {
            "CDSVAE": 0.825,
            "SPYL": 0.8562,
            "StaticDynamicVAE": 0.8551,
        },
        ("MUG", "latent, dynamic gap"): {
            "CDSVAE": 0.5625,
            "SPYL": 0.7562,
            "StaticDynamicVAE": 0.7415,
        },
    },
    "3": {
        ("mortality", "AUPRC"): {
            "VAE": 0.157,
            "GPVAE": 0.282,
            "CDSVAE": 0.158,
            "GLR": 0.365,
            "SPYL": 0.367,
            "StaticDynamicVAE/no_loss": 0.274,
            "StaticDynamicVAE/no_sub": 0.411,
            "StaticDynamicVAE/no_both": 0.255,
            "StaticDynamicVAE": 0.473,
            "raw/flat": 0.446,
        },
        ("mortality", "AUROC"): {
            "VAE": 0.564,
            "GPVAE": 0.699,
            "CDSVAE": 0.565,
            "GLR": 0.752,
            "SPYL": 0.764,
            "StaticDynamicVAE/no_loss": 0.692,
            "StaticDynamicVAE/no_sub": 0.798,
            "StaticDynamicVAE/no_both": 0.631,
            "StaticDynamicVAE": 0.858,
            "raw/flat": 0.802,
        },
        ("oil temperature", "MAE"): {
            "VAE": 13.66,
            "GPVAE": 14.98,
            "CDSVAE": 12.53,
            "GLR": 12.27,
            "SPYL": 12.22,
            "StaticDynamicVAE/no_loss": 18.32,
            "StaticDynamicVAE/no_sub": 16.53,
            "StaticDynamicVAE/no_both": 17.42,
            "StaticDynamicVAE": 11.21,
            "raw/flat": 10.19,
        },
    },
    "4": {
        ("ICU type", "accuracy"): {
            "VAE": 0.3471,
            "GPVAE": 0.4247,
            "CDSVAE": 0.3254,
            "GLR": 0.3893,
            "SPYL": 0.4698,
            "StaticDynamicVAE/no_loss": 0.4216,
            "StaticDynamicVAE/no_sub": 0.4615,
            "StaticDynamicVAE/no_both": 0.4142,
            "StaticDynamicVAE": 0.5687,
            "raw/flat": 0.62,
        },
        ("month", "accuracy"): {
            "VAE": 0.2717,
            "GPVAE": 0.3673,
            "CDSVAE": 0.4707,
            "GLR": 0.5032,
            "SPYL": 0.5793,
            "StaticDynamicVAE/no_loss": 0.5014,
            "StaticDynamicVAE/no_sub": 0.5611,
            "StaticDynamicVAE/no_both": 0.4832,
            "StaticDynamicVAE": 0.6587,
            "raw/flat": 0.6243,
        },
    },
    # The paper's method, by its anchor.
    "5": {
        ("mortality", "AUPRC"): {
            "StaticDynamicVAE@random_batch": 0.276,
            "StaticDynamicVAE@random": 0.425,
            "StaticDynamicVAE@middle": 0.434,
            "StaticDynamicVAE@last": 0.441,
            "StaticDynamicVAE@first": 0.473,
        },
        ("mortality", "AUROC"): {
            "StaticDynamicVAE@random_batch": 0.501,
            "StaticDynamicVAE@random": 0.837,
            "StaticDynamicVAE@middle": 0.842,
            "StaticDynamicVAE@last": 0.839,
            "StaticDynamicVAE@first": 0.858,
        },
        ("oil temperature", "MAE"): {
            "StaticDynamicVAE@random_batch": 13.56,
            "StaticDynamicVAE@random": 11.26,
            "StaticDynamicVAE@middle": 11.32,
            "StaticDynamicVAE@last": 11.11,
            "StaticDynamicVAE@first": 11.21,
        },
    },
    # Equal error rates of both codes, and their difference.
    "7": {
        ("TIMIT", "static EER"): {
            "FHVAE": 0.0506,
            "DSVAE": 0.0564,
            "R-WAE": 0.0473,
            "S3VAE": 0.0502,
            "SKD": 0.0446,
            "CDSVAE": 0.0403,
            "SPYL": 0.0341,
            "StaticDynamicVAE": 0.035,
        },
        ("TIMIT", "dynamic EER"): {
            "FHVAE": 0.2277,
            "DSVAE": 0.192,
            "R-WAE": 0.2341,
            "S3VAE": 0.2551,
            "SKD": 0.2678,
            "CDSVAE": 0.3181,
            "SPYL": 0.3322,
            "StaticDynamicVAE": 0.3462,
        },
        ("TIMIT", "gap"): {
            "FHVAE": 0.1771,
            "DSVAE": 0.1356,
            "R-WAE": 0.1868,
            "S3VAE": 0.2049,
            "SKD": 0.2232,
            "CDSVAE": 0.2778,
            "SPYL": 0.2981,
            "StaticDynamicVAE": 0.3111,
        },
    },
    # The paper's method, by its anchor.
    "8": {
        ("ICU type", "accuracy"): {
            "StaticDynamicVAE@random_batch": 0.4081,
            "StaticDynamicVAE@random": 0.5487,
            "StaticDynamicVAE@middle": 0.552,
            "StaticDynamicVAE@last": 0.5519,
            "StaticDynamicVAE@first": 0.5687,
        },
        ("month", "accuracy"): {
            "StaticDynamicVAE@random_batch": 0.4373,
            "StaticDynamicVAE@random": 0.6273,
            "StaticDynamicVAE@middle": 0.6673,
            "StaticDynamicVAE@last": 0.6953,
            "StaticDynamicVAE@first": 0.6587,
        },
    },
}

# The best number of any publication known to us, with the published protocol: DiffSDA (ICLR 2026),
# for the month Berman et al., Table 8, with the last window as anchor, and for Sprites SKD.
BEST_PUBLIC: dict[tuple[str, str], float] = {
    ("mortality", "AUPRC"): 0.5,
    ("mortality", "AUROC"): 0.87,
    ("oil temperature", "MAE"): 9.89,
    ("ICU type", "accuracy"): 0.646,
    ("month", "accuracy"): 0.6953,
    ("Sprites", "accuracy"): 1.0,
    ("Sprites", "IS"): 8.999,
    ("Sprites", "H(y given x)"): 1.6e-07,
    ("Sprites", "H(y)"): 2.197,
}


class Cited(NamedTuple):
    """Published numbers beside a row, None where there is nothing.

    Attributes
    ----------
    published, best_public : float or None
        The paper's number, and the best one of any publication.
    """

    published: float | None = None
    best_public: float | None = None


def cite(table: str, task: str, metric: str, name: str) -> Cited:
    """Return what is published for a row.

    Parameters
    ----------
    table, task, metric : str
        As in the fields of a row.
    name : str
        Name of the row for ``--methods``.

    Returns
    -------
    Cited

    Examples
    --------
    >>> cite("3", "oil temperature", "MAE", "VAE")
    Cited(published=13.66, best_public=9.89)
    """
    of_rows = PUBLISHED[table].get((task, metric), {})
    return Cited(of_rows.get(name), BEST_PUBLIC.get((task, metric)))

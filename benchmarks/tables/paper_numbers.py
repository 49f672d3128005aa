"""Published numbers of the tasks; cited, not measured here.

Rows: Berman et al. (ICML 2024), Tables 3 and 4, where 'StaticDynamicVAE' is the paper's method and
'raw/flat' its row on raw features; accuracies as shares, errors in degrees Celsius. 'best public':
the best number of any publication known to us, with the published protocol: DiffSDA (ICLR 2026),
and for the month Berman et al., Table 8, with the last window as anchor.
"""

METHODS = (
    "VAE",
    "GPVAE",
    "CDSVAE",
    "GLR",
    "SPYL",
    "StaticDynamicVAE/no_loss",
    "StaticDynamicVAE/no_sub",
    "StaticDynamicVAE/no_both",
    "StaticDynamicVAE",
    "raw/flat",
    "best public",
)
_COLUMNS: dict[tuple[str, str], tuple[float, ...]] = {
    ("mortality", "AUPRC"): (
        *(0.157, 0.282, 0.158, 0.365, 0.367, 0.274, 0.411, 0.255, 0.473, 0.446),
        0.50,
    ),
    ("mortality", "AUROC"): (
        *(0.564, 0.699, 0.565, 0.752, 0.764, 0.692, 0.798, 0.631, 0.858, 0.802),
        0.87,
    ),
    ("oil temperature", "MAE"): (
        *(13.66, 14.98, 12.53, 12.27, 12.22, 18.32, 16.53, 17.42, 11.21, 10.19),
        9.89,
    ),
    ("ICU type", "accuracy"): (
        *(0.3471, 0.4247, 0.3254, 0.3893, 0.4698, 0.4216, 0.4615, 0.4142, 0.5687, 0.6200),
        0.646,
    ),
    ("month", "accuracy"): (
        *(0.2717, 0.3673, 0.4707, 0.5032, 0.5793, 0.5014, 0.5611, 0.4832, 0.6587, 0.6243),
        0.6953,
    ),
}
PUBLISHED = {column: dict(zip(METHODS, values, strict=True)) for column, values in _COLUMNS.items()}

# Berman et al. (ICML 2024), Tables 5 and 8: the paper's method by its anchor.
_ANCHOR_NAMES = ("random_batch", "random", "middle", "last", "first")
_ANCHOR_COLUMNS = {
    ("mortality", "AUPRC"): (0.276, 0.425, 0.434, 0.441, 0.473),
    ("mortality", "AUROC"): (0.501, 0.837, 0.842, 0.839, 0.858),
    ("oil temperature", "MAE"): (13.56, 11.26, 11.32, 11.11, 11.21),
    ("ICU type", "accuracy"): (0.4081, 0.5487, 0.5520, 0.5519, 0.5687),
    ("month", "accuracy"): (0.4373, 0.6273, 0.6673, 0.6953, 0.6587),
}
ANCHORS = {
    column: dict(zip(_ANCHOR_NAMES, values, strict=True))
    for column, values in _ANCHOR_COLUMNS.items()
}

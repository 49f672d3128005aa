"""Disentanglement metrics: pure functions on arrays of codes and factors."""

from tsdisentangle.metrics.codes import (
    active_units,
    dynamic_smoothness,
    kl_to_standard_normal,
    shuffle_shift,
    silhouette,
    static_stability,
)
from tsdisentangle.metrics.dependence import cross_prediction_r2, distance_correlation, hsic
from tsdisentangle.metrics.disentanglement import (
    DCI,
    Importances,
    code_importances,
    dci,
    explicitness,
    sap,
)
from tsdisentangle.metrics.information import (
    group_information,
    group_mi_gap,
    mig,
    modularity,
    mutual_information,
    table_information,
)
from tsdisentangle.metrics.leakage import (
    Reading,
    linear_probe,
    majority_share,
    normalized_leakage,
    r2_leakage,
    read_factor,
    retention_minus_leak,
)

__all__ = [
    "DCI",
    "Importances",
    "Reading",
    "active_units",
    "code_importances",
    "cross_prediction_r2",
    "dci",
    "distance_correlation",
    "dynamic_smoothness",
    "explicitness",
    "group_information",
    "group_mi_gap",
    "hsic",
    "kl_to_standard_normal",
    "linear_probe",
    "majority_share",
    "mig",
    "modularity",
    "mutual_information",
    "normalized_leakage",
    "r2_leakage",
    "read_factor",
    "retention_minus_leak",
    "sap",
    "shuffle_shift",
    "silhouette",
    "static_stability",
    "table_information",
]

"""Protocols: what a fitted estimator's codes are worth."""

from tsdisentangle.evaluation.code_usage import code_usage
from tsdisentangle.evaluation.disentanglement_report import (
    DisentanglementReport,
    disentanglement_report,
)
from tsdisentangle.evaluation.generation_report import GenerationReport, generation_report
from tsdisentangle.evaluation.judge import Judge
from tsdisentangle.evaluation.leakage_report import LeakageReport, leakage_report
from tsdisentangle.evaluation.raw_features import RawFeatures

__all__ = [
    "DisentanglementReport",
    "GenerationReport",
    "Judge",
    "LeakageReport",
    "RawFeatures",
    "code_usage",
    "disentanglement_report",
    "generation_report",
    "leakage_report",
]

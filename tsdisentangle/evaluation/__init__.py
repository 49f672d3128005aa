"""Protocols: what a fitted estimator's codes are worth."""

from tsdisentangle.evaluation.generation import GenerationReport, generation_report
from tsdisentangle.evaluation.judge import Judge
from tsdisentangle.evaluation.leakage import LeakageReport, leakage_report
from tsdisentangle.evaluation.raw import RawFeatures
from tsdisentangle.evaluation.report import DisentanglementReport, disentanglement_report

__all__ = [
    "DisentanglementReport",
    "GenerationReport",
    "Judge",
    "LeakageReport",
    "RawFeatures",
    "disentanglement_report",
    "generation_report",
    "leakage_report",
]

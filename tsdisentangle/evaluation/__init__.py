"""Protocols: what a fitted estimator's codes are worth."""

from tsdisentangle.evaluation.report import DisentanglementReport, disentanglement_report

__all__ = ["DisentanglementReport", "disentanglement_report"]

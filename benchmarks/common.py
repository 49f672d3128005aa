"""What the benchmarks share."""

import datetime
import os
import platform
import sys
from importlib.metadata import version

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


def probe() -> Pipeline:
    """Return the linear probe of frozen codes: standardised, logistic regression with C = 1."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))


def metadata() -> dict:
    """Return what a number needs beside it to be repeated."""
    packages = ("tsdisentangle", "torch", "scikit-learn", "skorch", "numpy")
    return {
        "command": " ".join(["python", *sys.argv]),
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in packages},
    }

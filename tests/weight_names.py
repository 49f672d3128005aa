"""Record the weights' names of a new method or encoder: python tests/weight_names.py CASE ...

A case is a method, an encoder and, where the encoder has one, its kind:
``"StaticDynamicVAE TabularEncoder step"``. Names that are recorded never change: they are what
model files hold. An encoder of another form of X needs its example in `weight_names`.
"""

import json
import sys
from pathlib import Path

import numpy as np

import tsdisentangle

RECORDED = Path(__file__).parent / "files" / "names_v1.json"


def weight_names(case: str) -> list[str]:
    """Return the names of a case's weights and buffers, in the smallest network of one channel."""
    method, encoder, *kind = case.split()
    clips = encoder == "VideoEncoder"
    sizes = {"size": 16, "channels": 1} if clips else {}
    part = getattr(tsdisentangle, encoder)(*kind, **sizes, hidden=2, out_features=2)
    X = np.zeros((5, 2, 16, 16, 1), np.uint8) if clips else np.arange(40.0).reshape(5, 8, 1)
    window = getattr(part, "auto_window", 4)
    # Without the fitted scale, whose one buffer all methods have, and the record is older than it.
    settings = {"observation_scale": "decoder", "max_epochs": 0, "random_state": 0}
    estimator = getattr(tsdisentangle, method)(part, window=window, **settings)
    return sorted(estimator.fit(X).net_.module_.state_dict())


def main(cases: list[str]) -> None:
    """Add the cases to the record."""
    recorded = json.loads(RECORDED.read_text())
    if known := [case for case in cases if case in recorded]:
        raise SystemExit(f"{known} are recorded already; names in model files never change.")
    recorded |= {case: weight_names(case) for case in cases}
    RECORDED.write_text(json.dumps(recorded, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])

"""Table 3 of Berman et al. (2024), corrected and published protocol.

Time-series prediction (mortality in PhysioNet 2012, oil temperature in ETTh1): frozen codes, a row
per method; linear probes chosen on validation data (corrected), or the released splits, heads and
sampled codes (as published). Rows that are there already are kept, so the command can be repeated
until the table is full. The same as ``python -m benchmarks.tables 3``.

    python examples/table3_prediction.py [--quick] [--methods ...] [--datasets ...]
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the root: "benchmarks" is a package there

from benchmarks.tables.__main__ import main

if __name__ == "__main__":
    main(["3", *sys.argv[1:]])

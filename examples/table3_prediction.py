"""Table 3 of Berman et al. (2024), corrected protocol.

Time-series prediction (mortality in PhysioNet 2012, oil temperature in ETTh1):
frozen codes, linear probes chosen on validation data, a row a method. Rows that are there already
are kept, so the command can be repeated until the table is full.

    python examples/table3_prediction.py [--quick] [--seeds 5] [--epochs 100]
"""

from tsdisentangle.evaluation.protocols import etth1, physionet
from tsdisentangle.evaluation.runner import run

if __name__ == "__main__":
    run(__doc__, [physionet, etth1])

"""Table 4 of Berman et al. (2024), corrected protocol.

Time-series classification (month in Air Quality, ICU type in PhysioNet 2012):
frozen codes, linear probes chosen on validation data, a row a method. Rows that are there already
are kept, so the command can be repeated until the table is full.

    python examples/table4_classification.py [--quick] [--seeds 5] [--epochs 100]
"""

from tsdisentangle.evaluation.protocols import air_quality, physionet
from tsdisentangle.evaluation.runner import run

if __name__ == "__main__":
    run(__doc__, [air_quality, physionet])

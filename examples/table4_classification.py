"""Table 4 of Berman et al. (2024), corrected and published protocol.

Time-series classification (month in Air Quality, ICU type in PhysioNet 2012):
frozen codes, a row a method; linear probes chosen on validation data (corrected), or the released
splits, heads and sampled codes (as published). Rows that are there already
are kept, so the command can be repeated until the table is full.

    python examples/table4_classification.py [--quick] [--methods ...] [--datasets ...]
"""

from benchmarks.tables import as_published as published
from benchmarks.tables import corrected as protocols
from benchmarks.tables.pictures import save_results
from benchmarks.tables.runner import run

if __name__ == "__main__":
    makers = [
        maker
        for module in (protocols, published)
        for maker in (module.air_quality, module.physionet)
    ]
    save_results(run(__doc__, makers, ("4",)))

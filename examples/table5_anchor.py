"""Tables 5 and 8 of Berman et al. (2024): the choice of the anchor, both protocols.

All tasks of tables 3 and 4, a row an anchor, beside a constant and an untrained network. Rows that
are there already are kept, so the command can be repeated until the tables are full.

    python examples/table5_anchor.py [--quick] [--methods ...] [--datasets ...]
"""

from benchmarks.tables import as_published as published
from benchmarks.tables import corrected as protocols
from benchmarks.tables.entries import anchors
from benchmarks.tables.pictures import save_results
from benchmarks.tables.runner import run

if __name__ == "__main__":
    makers = [
        maker
        for module in (protocols, published)
        for maker in (module.air_quality, module.physionet, module.etth1)
    ]
    save_results(run(__doc__, makers, ("5", "8"), {"constant@": None, **anchors()}))

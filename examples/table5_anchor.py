"""Tables 5 and 8 of Berman et al. (2024): the choice of the anchor, both protocols.

All tasks of tables 3 and 4, a row per anchor, beside a constant and an untrained network. Rows that
are there already are kept, so the command can be repeated until the tables are full. The same as
``python -m benchmarks.tables 5 8``.

    python examples/table5_anchor.py [--quick] [--methods ...] [--datasets ...]
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the root: "benchmarks" is a package there

from benchmarks.tables.__main__ import main

if __name__ == "__main__":
    main(["5", "8", *sys.argv[1:]])

"""Tables 5 and 8 of Berman et al. (2024): the choice of the anchor, both protocols.

All tasks of tables 3 and 4, a row an anchor, beside a constant and an untrained network. Rows that
are there already are kept, so the command can be repeated until the tables are full.

    python examples/table5_anchor.py [--quick] [--methods ...] [--datasets ...]
"""

from tsdisentangle.evaluation import protocols, published
from tsdisentangle.evaluation.representations import anchors
from tsdisentangle.evaluation.runner import run
from tsdisentangle.plots import save_results

if __name__ == "__main__":
    makers = [
        maker
        for module in (protocols, published)
        for maker in (module.air_quality, module.physionet, module.etth1)
    ]
    save_results(run(__doc__, makers, ("5", "8"), {"constant@": None, **anchors()}))

"""Table 7 of Berman et al. (2024) on the Free Spoken Digit Dataset: verification of speakers.

Equal error rates of the static and of the averaged dynamic codes over all pairs of test
recordings: of takes that were not trained on, and of speakers who were not. Fits are kept, epoch
by epoch, so a stopped run goes on where it was.

    python benchmarks/table7_verification.py [--quick] [--methods ...] [--splits takes speakers]
        [--seeds 3] [--cache FOLDER] [--output FOLDER]

The paper has this table for TIMIT, which nobody may pass on; nothing published compares.
"""

from benchmarks.tables.pictures import save_results
from benchmarks.tables.speakers import run


def main(arguments: list[str] | None = None, **options: object) -> None:
    save_results(run(__doc__, arguments, **options))


if __name__ == "__main__":
    main()

"""Table 2 of Berman et al. (2024) on Sprites: leakage gaps, by generation and of the codes.

Shares the judge and the fits with table1_generation.py, whose options it has.

    python benchmarks/table2_leakage.py [--preset cpu|full] [--quick] [--device cuda]
        [--methods ...] [--seeds 1] [--cache FOLDER] [--output FOLDER]

The paper has this table for MUG, which nobody may pass on; nothing published compares.
"""

from benchmarks.tables.pictures import save_results
from benchmarks.tables.sprites import run


def main(arguments: list[str] | None = None, **options: object) -> None:
    save_results(run(__doc__, "2", arguments, **options)[0])


if __name__ == "__main__":
    main()

"""The tables of Berman et al. (2024), measured anew: ``python -m benchmarks.tables 1 2 3 4 5 7 8``.

What is asked and how answers are scored:

- ``corrected``, ``as_published``: the two protocols of the time series: data, splits, tasks.
- ``probes``: tasks on frozen codes, their linear probes and metrics.
- ``intervals``: over test units, or over seeds.
- ``paper_numbers``: what the paper and later publications report.

What is measured:

- ``entries``: the rows of each table: methods, ablations, raw features, ``--estimator``.
- ``time_series``: tables 3, 4, 5 and 8; ``sprites``: tables 1 and 2; ``speakers``: table 7.
- ``fits``: fits that are cached in a folder, and go on where they were stopped.

How it is run, stored and shown:

- ``runner``: the command line and the loop over the rows that are not there yet.
- ``rows``: a row, the JSON files in ``benchmarks/results/``, Markdown.
- ``pictures``: a picture per table; ``page``: the tables of ``docs/evaluation.md``.

A new table has a file like ``speakers``, whose ``load_jobs`` ``__main__`` calls; its rows stand in
``entries``, its number in ``rows``.
"""

"""PhysioNet/CinC challenge 2012: 48 hours in intensive care."""

import os
from collections.abc import Callable, Sequence
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from tsdisentangle.datasets._archive import Members
from tsdisentangle.datasets._base import (
    SEED,
    Protocol,
    RemoteFile,
    check_protocol,
    fetch_file,
    published_content,
    read_verified,
    released_split,
    verify_count,
)
from tsdisentangle.datasets._bunch import SequenceBunch
from tsdisentangle.datasets._cache import cached_arrays
from tsdisentangle.datasets._physionet_stays import (
    CHANNELS,
    PARSER_VERSION,
    RECORD_NAME,
    Events,
    Rule,
    Stays,
    apply_rules,
    grid_stays,
    parse,
)

UNITS = ["mmHg", "points", "%", "mmHg", "mmHg", "mmHg", "mmHg", "1/min", "mmHg", "°C"]

DESCR = """\
PhysioNet/CinC challenge 2012: stays of adults in intensive care, the first 48 hours. A series is
one stay: hourly means of ten vital signs and laboratory values, cleaned of impossible values, NaN
where nothing was measured. Stays of fewer than 40 hours, and stays with more than 60 % of their
hours x channels missing, are left out.

static_target: icu_type (0 coronary care, 1 cardiac surgery recovery, 2 medical, 3 surgical),
mortality (1 died in hospital), age (years), gender (0 female, 1 male), height (cm), weight (kg),
saps_i and sofa (scores); NaN where unknown.
dynamic_target, one value per hour: mech_vent (mechanical ventilation).
"""
LICENCE = "Open Data Commons Attribution License (ODC-By) 1.0"
CITATION = """\
I. Silva, G. Moody, D. J. Scott, L. A. Celi and R. G. Mark. Predicting In-Hospital Mortality of ICU
Patients: The PhysioNet/Computing in Cardiology Challenge 2012. Computing in Cardiology 39, 245-248,
2012.
A. L. Goldberger et al. PhysioBank, PhysioToolkit, and PhysioNet. Circulation 101(23), e215-e220,
2000.
"""


@overload
def fetch_physionet2012(
    *,
    subsets: Sequence[str] | None = None,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    protocol: Protocol = "corrected",
    return_X_y: Literal[False] = False,
) -> SequenceBunch: ...
@overload
def fetch_physionet2012(
    *,
    subsets: Sequence[str] | None = None,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    protocol: Protocol = "corrected",
    return_X_y: Literal[True],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]: ...
def fetch_physionet2012(
    *,
    subsets: Sequence[str] | None = None,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    protocol: Protocol = "corrected",
    return_X_y: bool = False,
) -> SequenceBunch | tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Load PhysioNet 2012: hours in intensive care, to predict the kind of unit and the outcome.

    Parameters
    ----------
    subsets : sequence of {'a', 'b', 'c'}, default=None
        Sets of 4,000 stays each. None means a and b under the corrected protocol, and a under the
        published one, which has no other.
    data_home : str or path-like, default=None
        Data folder. None means the environment variable ``TSDISENTANGLE_DATA`` if it is set, else
        the user's cache folder.
    download_if_missing : bool, default=True
        If False, raise OSError instead of downloading.
    protocol : {'corrected', 'published'}, default='corrected'
        See Notes.
    return_X_y : bool, default=False
        Return ``(data, icu_type)`` instead of a bunch.

    Returns
    -------
    bunch : SequenceBunch
        ``data`` has the shape (n, 48, 10) under the corrected protocol, (1858, 80, 10) under the
        published one: DiasABP, GCS, HCT, MAP, NIDiasABP, NIMAP, NISysABP, RespRate, SysABP, Temp,
        in mmHg, points, %, breaths per minute and °C. ``static_target`` holds, each (n,),
        ``'icu_type'`` (0 coronary care, 1 cardiac surgery recovery, 2 medical, 3 surgical),
        ``'mortality'`` (0, 1), ``'age'`` (years), ``'gender'`` (0 female, 1 male), ``'height'``
        (cm), ``'weight'`` (kg), ``'saps_i'``, ``'sofa'``. ``dynamic_target`` holds
        ``'mech_vent'``. ``groups`` is the RecordID: one stay, one patient as far as is published.
    (data, target) : tuple of ndarray, if ``return_X_y``
        The data, and the kind of unit of shape (n,).

    Raises
    ------
    OSError
        If a file is missing and may not be downloaded, or is not the published one.

    Notes
    -----
    Both protocols clean values by the released rules (for Height, each rule sees what the one
    before it left) and leave out stays of fewer than 40 hours or with more than 60 % missing.

    *corrected*: bins are [60 k, 60 k + 60) minutes from admission, 48 of them. ``'mech_vent'`` is
    1 in an hour with a ventilation record, 0 in other hours of the stay, NaN after its last
    measurement. The split (64 % training, 16 % validation, 20 % test) is drawn with seed 1234,
    stratified by kind of unit and death. Deaths are few, so use many splits to compare methods.

    *published*: the bins and the split of the code released with [3]_. Bins are
    (60 k, 60 k + 60] minutes after the first measurement, which is lost, as is the last and
    partial hour; 40 to 47 bins, padded to 80 with NaN. ``'mech_vent'`` is 1 or NaN. The first 371
    stays are test; the others are shuffled into 1189 and 298 by the call and the seed (1234) of
    that code. It pairs off repeated measurements of one minute with those of other parameters;
    here they are averaged, which changes about 0.5 % of the cells. It cannot read set b, whose
    outcome file it misnames.

    Set c: we have no digest of its content, so only names, number and form of its files are
    verified.

    Parsed text is kept in the user's cache folder, never in the data folder.

    Licence of the data: Open Data Commons Attribution License 1.0.

    References
    ----------
    .. [1] I. Silva et al., "Predicting In-Hospital Mortality of ICU Patients: The
       PhysioNet/Computing in Cardiology Challenge 2012", Computing in Cardiology 39, 2012.
    .. [2] A. L. Goldberger et al., "PhysioBank, PhysioToolkit, and PhysioNet", Circulation
       101(23), 2000.
    .. [3] N. Berman et al., "Sequential Disentanglement by Extracting Static Information From A
       Single Sequence Element", ICML 2024.

    Examples
    --------
    >>> from tsdisentangle.datasets import fetch_physionet2012
    >>> icu = fetch_physionet2012(protocol="published")  # doctest: +SKIP
    >>> icu.data.shape, len(icu.splits["test"])  # doctest: +SKIP
    ((1858, 80, 10), 371)
    """
    check_protocol(protocol)
    subsets = _check_subsets(subsets, protocol)

    def find(remote: RemoteFile) -> Path:
        return fetch_file(remote, data_home=data_home, download_if_missing=download_if_missing)

    events = _concatenate([load_events(subset, find(RECORDS[subset])) for subset in subsets])
    outcomes = [load_outcomes(subset, find(OUTCOME_FILES[subset])) for subset in subsets]
    stays = grid_stays(events, protocol)
    static = _static_targets(stays, pd.concat(outcomes))
    if return_X_y:
        return stays.data, static["icu_type"]
    return SequenceBunch(
        data=stays.data,
        static_target=static,
        dynamic_target={"mech_vent": stays.mech_vent},
        groups=stays.record,
        splits=_splits(static, protocol),
        feature_names=list(CHANNELS),
        units=list(UNITS),
        DESCR=DESCR,
        licence=LICENCE,
        citation=CITATION,
    )


def _static_targets(stays: Stays, outcomes: pd.DataFrame) -> dict[str, NDArray[Any]]:
    own = outcomes.loc[stays.record]
    saps_i, sofa = np.array(own[["SAPS-I", "SOFA"]], dtype=float).T
    unknown = Rule(below=0)  # -1
    return {
        "icu_type": stays.descriptors["ICUType"].astype(np.int64) - 1,
        "mortality": np.array(own["In-hospital_death"]),
        "age": stays.descriptors["Age"],
        "gender": stays.descriptors["Gender"],
        "height": stays.descriptors["Height"],
        "weight": stays.descriptors["Weight"],
        "saps_i": apply_rules(saps_i, (unknown,)),
        "sofa": apply_rules(sofa, (unknown,)),
    }


def _splits(static: dict[str, NDArray[Any]], protocol: Protocol) -> dict[str, NDArray[np.int64]]:
    n = len(static["icu_type"])
    if protocol == "published":
        n_test = int(0.2 * n)
        return released_split(range(n_test, n), 0.8, np.arange(n_test))
    strata = 2 * static["icu_type"] + static["mortality"]
    rest, test = train_test_split(np.arange(n), test_size=0.2, stratify=strata, random_state=SEED)
    train, validation = train_test_split(
        rest, test_size=0.2, stratify=strata[rest], random_state=SEED
    )
    return {"train": np.sort(train), "validation": np.sort(validation), "test": np.sort(test)}


def _check_subsets(subsets: Sequence[str] | None, protocol: Protocol) -> tuple[str, ...]:
    if subsets is None:
        return ("a", "b") if protocol == "corrected" else ("a",)
    chosen = tuple(subsets)
    if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(RECORDS):
        raise ValueError(f"subsets must be different ones of {tuple(RECORDS)}, got {subsets!r}.")
    if protocol == "published" and chosen != ("a",):
        raise ValueError(
            f"protocol='published' exists for subsets=('a',) only, got {subsets!r}. "
            "Use protocol='corrected' for the other sets."
        )
    return chosen


def _concatenate(tables: Sequence[Events]) -> Events:
    return Events(*(np.concatenate(columns) for columns in zip(*tables, strict=True)))


# -- published files -----------------------------------------------------------------------------

N_RECORDS = 4000  # in each set
OUTCOMES = ["RecordID", "SAPS-I", "SOFA", "Length_of_stay", "Survival", "In-hospital_death"]


def _verify_unhashed_records(members: Members) -> None:
    verify_count(members, N_RECORDS)
    parse(members)  # raises if the form is not the published one


def _read_outcomes(text: bytes) -> pd.DataFrame:
    table = pd.read_csv(BytesIO(text))
    if list(table.columns) != OUTCOMES or len(table) != N_RECORDS:
        raise ValueError(
            f"it has {len(table)} rows of {list(table.columns)}, expected {N_RECORDS} of {OUTCOMES}"
        )
    return table.set_index("RecordID")


def _verify_unhashed_outcomes(members: Members) -> None:
    verify_count(members, 1)
    _read_outcomes(*members.values())


def _remote(name: str, pattern: str, verify: Callable[[Members], None]) -> RemoteFile:
    return RemoteFile(
        path=f"physionet2012/{name}",
        url=f"https://physionet.org/files/challenge-2012/1.0.0/{name}?download",
        pattern=pattern,
        verify=verify,
    )


# We have no digest of set c's members: its names, number and form are verified.
RECORDS = {
    subset: _remote(f"set-{subset}.tar.gz", RECORD_NAME, verify)
    for subset, verify in {
        "a": published_content(
            N_RECORDS, "ac8a8d13105cefc873b69a70581d156575b4c9de6d2a0c7307b14ced9954621b"
        ),
        "b": published_content(
            N_RECORDS, "2d6e39abd1ca24d50461832098f53437bdf83a9157618c6bea39ba63f141f071"
        ),
        "c": _verify_unhashed_records,
    }.items()
}
OUTCOME_FILES = {
    subset: _remote(f"Outcomes-{subset}.txt", rf"Outcomes-{subset}\.txt", verify)
    for subset, verify in {
        "a": published_content(
            1, "531c871e8e07862aba1a69ac97e96dc11aea47c64daa43de6f0f42df3fa2720c"
        ),
        "b": published_content(
            1, "ab7d8e5e6feccb5f0c15a59f9bfe3810a3ee49b9fcbb1909ee21b0a2c830e576"
        ),
        "c": _verify_unhashed_outcomes,
    }.items()
}


def load_events(subset: str, path: Path) -> Events:
    """Return the rows of a set's records, verified, from the derived cache if they are in it."""
    # Keyed by the packed bytes: a hit needs no unpacking, and only verified content gets in.
    # Keyed by the set, too: set b under the name of set a must not be a hit.
    digest = sha256(path.read_bytes()).hexdigest()
    arrays = cached_arrays(
        f"physionet2012-{subset}-v{PARSER_VERSION}-{digest}",
        Events._fields,
        lambda: parse(read_verified(RECORDS[subset], path))._asdict(),
    )
    return Events(**arrays)


def load_outcomes(subset: str, path: Path) -> pd.DataFrame:
    """Return a set's verified outcomes, by RecordID."""
    return _read_outcomes(*read_verified(OUTCOME_FILES[subset], path).values())

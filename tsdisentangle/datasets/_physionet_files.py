"""Published files of the PhysioNet challenge 2012, and what proves that they are the right ones."""

from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pandas as pd

from ._archive import Members
from ._derived import cached_arrays
from ._fetch import RemoteFile, published_content, read, verify_count
from ._physionet_records import PARSER_VERSION, RECORD_NAME, Events, parse

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
        lambda: parse(read(RECORDS[subset], path))._asdict(),
    )
    return Events(**arrays)


def load_outcomes(subset: str, path: Path) -> pd.DataFrame:
    """Return a set's verified outcomes, by RecordID."""
    return _read_outcomes(*read(OUTCOME_FILES[subset], path).values())

"""Free Spoken Digit Dataset: six speakers say ten digits fifty times."""

import os
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from tsdisentangle.datasets._archive import Members
from tsdisentangle.datasets._base import (
    Protocol,
    RemoteFile,
    check_protocol,
    fetch_file,
    published_content,
    read_verified,
)
from tsdisentangle.datasets._bunch import SequenceBunch

FSDD = RemoteFile(
    path="fsdd/free-spoken-digit-dataset.zip",
    url="https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip",
    pattern=r"[0-9]_[a-z]+_[0-9]+\.wav",
    verify=published_content(
        3000, "fa7b881fd2c097bf80038d74964e1fbfef845a70cc5fb7fab270464ce2c26691"
    ),
)
TEST_TAKES = 5  # takes 0 to 4
VALIDATION_TAKES = 5  # takes 5 to 9
N_FOLDS = 3

DESCR = """\
Free Spoken Digit Dataset (FSDD), version 1.0.10: 3,000 recordings, 8000 Hz, one channel, of six
speakers who say the ten English digits, 50 takes of each. A series is one recording, 1148 to 18262
samples (0.14 to 2.28 s), full scale from -1 to 1: the stored 16-bit values divided by 32768. The
levels are low and differ between speakers.

static_target, one value per recording: speaker (0 george, 1 jackson, 2 lucas, 3 nicolas, 4 theo,
5 yweweler), digit (0 to 9), take (0 to 49). The digit is what is said: a good dynamic code holds
it, although it is one value per recording. dynamic_target: none.

Splits. fold=None is the split by takes: every speaker is in every part; test is takes 0 to 4, the
official one. Under protocol 'corrected', takes 5 to 9 are the validation part; under 'published',
all the others train. fold=0, 1 or 2 is the split by speakers: test is the two speakers 2 * fold and
2 * fold + 1, who are in no other part; takes 5 to 9 of the other four speakers are the validation
part.
"""
LICENCE = "CC BY-SA 4.0"
CITATION = """\
Z. Jackson, C. Souza, J. Flaks, Y. Pan, H. Nicolas and A. Thite. Free Spoken Digit Dataset.
github.com/Jakobovski/free-spoken-digit-dataset, version 1.0.10.
"""


@overload
def fetch_fsdd(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    protocol: Protocol = "corrected",
    fold: int | None = None,
    return_X_y: Literal[False] = False,
) -> SequenceBunch: ...
@overload
def fetch_fsdd(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    protocol: Protocol = "corrected",
    fold: int | None = None,
    return_X_y: Literal[True],
) -> tuple[list[NDArray[np.float32]], NDArray[np.int64]]: ...
def fetch_fsdd(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    protocol: Protocol = "corrected",
    fold: int | None = None,
    return_X_y: bool = False,
) -> SequenceBunch | tuple[list[NDArray[np.float32]], NDArray[np.int64]]:
    """Load the Free Spoken Digit Dataset: recordings, to predict the speaker.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Data folder. None means the environment variable ``TSDISENTANGLE_DATA`` if it is set, else
        the user's cache folder.
    download_if_missing : bool, default=True
        If False, raise OSError instead of downloading.
    protocol : {'corrected', 'published'}, default='corrected'
        See Notes.
    fold : {0, 1, 2} or None, default=None
        None splits by takes, which is the official split; a number splits by speakers.
    return_X_y : bool, default=False
        Return ``(data, speaker)`` instead of a bunch.

    Returns
    -------
    bunch : SequenceBunch
        ``data`` is a list of 3000 arrays of 1148 to 18262 samples, float32 from -1 to 1, at
        8000 Hz. ``static_target`` holds ``'speaker'`` (0 to 5, in alphabetical order), ``'digit'``
        (0 to 9) and ``'take'`` (0 to 49); ``dynamic_target`` is empty. ``groups`` is the speaker
        if the split is by speakers; else it numbers the recordings.
    (data, target) : tuple, if ``return_X_y``
        The data, and the speaker of shape (3000,).

    Raises
    ------
    OSError
        If the file is missing and may not be downloaded, or is not the published one.
    ValueError
        If the protocol or the fold does not exist, or ``protocol='published'`` has a fold.
    ImportError
        If soundfile is not installed.

    Notes
    -----
    *By takes* (``fold=None``): test is takes 0 to 4, the official test part (300 recordings).
    *corrected* validates on takes 5 to 9 and trains on the others: 2400 / 300 / 300.
    *published* trains on them all, 2700 / 0 / 300, as the publisher has no validation part. Every
    speaker is in every part.

    *By speakers* (``fold=0, 1, 2``, corrected only): test is two speakers whom no other part has
    (1000 recordings); validation is takes 5 to 9 of the other four: 1800 / 200 / 1000. The three
    folds together test every speaker once.

    Licence of the data: CC BY-SA 4.0.

    References
    ----------
    .. [1] Z. Jackson et al., "Free Spoken Digit Dataset", version 1.0.10,
       https://github.com/Jakobovski/free-spoken-digit-dataset.

    Examples
    --------
    >>> from tsdisentangle.datasets import fetch_fsdd
    >>> fsdd = fetch_fsdd()  # doctest: +SKIP
    >>> len(fsdd.data), fsdd.data[0].shape  # doctest: +SKIP
    (3000, (2384,))
    """
    check_protocol(protocol)
    _check_fold(fold, protocol)
    path = fetch_file(FSDD, data_home=data_home, download_if_missing=download_if_missing)
    members = read_verified(FSDD, path)
    digit, name, take = np.array([PurePosixPath(member).stem.split("_") for member in members]).T
    speaker = np.unique(name, return_inverse=True)[1]
    take = take.astype(np.int64)
    # Sorted by numbers, as file systems and packers list the files in many orders.
    order = np.lexsort((take, speaker, digit))
    data: Any = _read_wavs(members, order)  # one axis, where other bunches have two
    digit, speaker, take = digit[order].astype(np.int64), speaker[order], take[order]
    if return_X_y:
        return data, speaker
    return SequenceBunch(
        data=data,
        static_target={"speaker": speaker, "digit": digit, "take": take},
        dynamic_target={},
        groups=np.arange(len(data)) if fold is None else speaker,
        splits=recording_splits(speaker, take, protocol, fold),
        feature_names=["sound_pressure"],
        units=["full scale"],
        DESCR=DESCR,
        licence=LICENCE,
        citation=CITATION,
    )


def recording_splits(
    speaker: NDArray[np.int64], take: NDArray[np.int64], protocol: Protocol, fold: int | None
) -> dict[str, NDArray[np.int64]]:
    """Return the rows of each part, by takes or by speakers."""
    test = take < TEST_TAKES if fold is None else speaker // 2 == fold
    later = (take >= TEST_TAKES) & (take < TEST_TAKES + VALIDATION_TAKES)
    validation = later & ~test & (protocol == "corrected")
    return {
        "train": np.flatnonzero(~test & ~validation),
        "validation": np.flatnonzero(validation),
        "test": np.flatnonzero(test),
    }


def _check_fold(fold: int | None, protocol: Protocol) -> None:
    if fold is None:
        return
    if fold not in range(N_FOLDS):
        raise ValueError(f"fold must be None or one of {(*range(N_FOLDS),)}, got {fold!r}.")
    if protocol == "published":
        raise ValueError(
            f"protocol='published' is the split by takes, without folds, got fold={fold!r}. "
            "Use protocol='corrected' to split by speakers."
        )


def _read_wavs(members: Members, order: NDArray[np.intp]) -> list[NDArray[np.float32]]:
    try:
        import soundfile  # optional
    except ImportError as error:
        raise ImportError(
            "fetch_fsdd reads WAV files with soundfile, which is not installed. "
            "Install it with: pip install 'tsdisentangle[audio]'"
        ) from error
    contents = list(members.values())
    return [soundfile.read(BytesIO(contents[i]), dtype="float32")[0] for i in order]

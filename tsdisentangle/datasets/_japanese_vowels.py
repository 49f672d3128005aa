"""JapaneseVowels: nine speakers, one utterance per series, from the copy inside sktime."""

from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from tsdisentangle.datasets._bunch import SequenceBunch

N_CHANNELS = 12

DESCR = """\
JapaneseVowels: nine male speakers utter the Japanese vowels /ae/. A series is one utterance, 7 to
29 frames of 12 LPC cepstrum coefficients. 640 utterances: the official 270 for training (30 per
speaker) and 370 for test (24 to 88 per speaker). The publisher gives no validation part, and none
is carved out here.

static_target: speaker (0 to 8). dynamic_target: none.
"""
LICENCE = "CC BY 4.0"
CITATION = """\
M. Kudo, J. Toyama and M. Shimbo. Japanese Vowels. UCI Machine Learning Repository, 1999.
doi:10.24432/C5NS47.
M. Kudo, J. Toyama and M. Shimbo. Multidimensional Curve Classification Using Passing-Through
Regions. Pattern Recognition Letters 20(11-13), 1103-1111, 1999.
"""


@overload
def load_japanese_vowels(*, return_X_y: Literal[False] = False) -> SequenceBunch: ...
@overload
def load_japanese_vowels(
    *, return_X_y: Literal[True]
) -> tuple[list[NDArray[np.float32]], NDArray[np.int64]]: ...
def load_japanese_vowels(
    *, return_X_y: bool = False
) -> SequenceBunch | tuple[list[NDArray[np.float32]], NDArray[np.int64]]:
    """Load JapaneseVowels: utterances of unequal length, to predict the speaker.

    The files are inside the sktime package, so nothing is downloaded, and only one protocol
    exists: the official split.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, speaker)`` instead of a bunch.

    Returns
    -------
    bunch : SequenceBunch
        ``data`` is a list of 640 arrays (7 to 29 frames, 12), LPC cepstrum coefficients without a
        unit. ``static_target`` holds ``'speaker'`` (0 to 8), of shape (640,); ``dynamic_target``
        is empty. ``splits`` has the official 270 and 370 rows as ``'train'`` and ``'test'``;
        ``'validation'`` is empty, because the publisher gives none. ``groups`` numbers the
        utterances: no two are related, beyond the speaker who is the label.
    (data, target) : tuple, if ``return_X_y``
        The data, and the speaker of shape (640,).

    Raises
    ------
    ImportError
        If sktime is not installed.

    Notes
    -----
    Licence of the data: CC BY 4.0.

    References
    ----------
    .. [1] M. Kudo, J. Toyama and M. Shimbo, "Multidimensional Curve Classification Using
       Passing-Through Regions", Pattern Recognition Letters 20(11-13), 1999.

    Examples
    --------
    >>> from tsdisentangle.datasets import load_japanese_vowels
    >>> vowels = load_japanese_vowels()
    >>> len(vowels.data), vowels.data[0].shape
    (640, (20, 12))
    """
    train, train_speaker = _read("train")
    test, test_speaker = _read("test")
    data = train + test
    speaker = np.concatenate([train_speaker, test_speaker])
    if return_X_y:
        return data, speaker
    rows = np.arange(len(data))
    return SequenceBunch(
        data=data,
        static_target={"speaker": speaker},
        dynamic_target={},
        groups=rows,
        splits={"train": rows[: len(train)], "validation": rows[:0], "test": rows[len(train) :]},
        feature_names=[f"lpc_cepstrum_{i}" for i in range(1, N_CHANNELS + 1)],
        units=["1"] * N_CHANNELS,
        DESCR=DESCR,
        licence=LICENCE,
        citation=CITATION,
    )


def _read(split: str) -> tuple[list[NDArray[np.float32]], NDArray[np.int64]]:
    try:
        from sktime.datasets import load_japanese_vowels as load  # slow to import, and optional
    except ImportError as error:
        raise ImportError(
            "load_japanese_vowels reads the copy of the data inside sktime, which is not "
            "installed. Install it with: pip install 'tsdisentangle[sktime]'"
        ) from error
    frames, speaker = load(split=split, return_type="df-list")
    return [frame.to_numpy(np.float32) for frame in frames], np.asarray(speaker).astype(int) - 1

"""How near a reconstruction is to its original."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

# Wang et al. 2004: a Gaussian window of 11 pixels, and constants that keep quotients finite.
SSIM_SIGMA, SSIM_RADIUS = 1.5, 5
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2


def sequence_sse(clips: Any, reconstruction: Any) -> np.ndarray:
    """Summed squared error of each clip, values between 0 and 1.

    Parameters
    ----------
    clips, reconstruction : arrays of shape (n, time, height, width, channel)
        uint8, which is divided by 255, or floats between 0 and 1.

    Returns
    -------
    float array of shape (n,)

    Notes
    -----
    The published 'MSE' of about 224 per clip of 15 x 64 x 64 x 3 values is, by its size, this sum.

    Examples
    --------
    >>> clips = np.zeros((1, 2, 4, 4, 3), dtype=np.uint8)
    >>> sequence_sse(clips, clips + np.uint8(255))
    array([96.])
    """
    return np.array([((x - y) ** 2).sum() for x, y in _pairs(clips, reconstruction)])


def mean_squared_error(clips: Any, reconstruction: Any) -> float:
    """Mean squared error of a value between 0 and 1.

    Parameters
    ----------
    clips, reconstruction : arrays of shape (n, time, height, width, channel)
        As in :func:`sequence_sse`.

    Returns
    -------
    float

    Examples
    --------
    >>> clips = np.zeros((1, 2, 4, 4, 3))
    >>> mean_squared_error(clips, clips + 0.5)
    0.25
    """
    return float(sequence_sse(clips, reconstruction).mean() / np.prod(np.shape(clips)[1:]))


def psnr(clips: Any, reconstruction: Any) -> np.ndarray:
    """Peak signal-to-noise ratio of each frame: ``-10 log10(MSE)``, the peak being 1.

    Parameters
    ----------
    clips, reconstruction : arrays of shape (n, time, height, width, channel)
        As in :func:`sequence_sse`.

    Returns
    -------
    float array of shape (n, time)
        Decibels; infinite where a frame is the same.

    Examples
    --------
    >>> clips = np.zeros((1, 2, 4, 4, 3))
    >>> psnr(clips, clips + 0.1)
    array([[20., 20.]])
    """
    errors = np.array([_by_frame((x - y) ** 2) for x, y in _pairs(clips, reconstruction)])
    with np.errstate(divide="ignore"):
        return -10 * np.log10(errors)


def ssim(clips: Any, reconstruction: Any) -> np.ndarray:
    """Structural similarity of each frame, averaged over channels.

    With local means, variances and covariance under a Gaussian window of 11 x 11 pixels, of
    deviation 1.5: ``(2 m_x m_y + c1) (2 s_xy + c2) / ((m_x^2 + m_y^2 + c1) (s_x^2 + s_y^2 + c2))``,
    averaged over the places where the window lies inside of the frame.

    Parameters
    ----------
    clips, reconstruction : arrays of shape (n, time, height, width, channel)
        As in :func:`sequence_sse`; frames of at least 11 x 11 pixels.

    Returns
    -------
    float array of shape (n, time)
        At most 1, which is an equal frame.

    References
    ----------
    Wang, Bovik, Sheikh, Simoncelli, "Image Quality Assessment: From Error Visibility to Structural
    Similarity", IEEE Transactions on Image Processing 13(4), 2004.

    Examples
    --------
    >>> clips = np.random.RandomState(0).rand(1, 2, 16, 16, 3)
    >>> ssim(clips, clips).round(6)
    array([[1., 1.]])
    """
    smallest = 2 * SSIM_RADIUS + 1
    if np.ndim(clips) == 5 and min(np.shape(clips)[2:4]) < smallest:
        raise ValueError(
            f"Frames have {np.shape(clips)[2]} x {np.shape(clips)[3]} pixels; the window of SSIM "
            f"takes at least {smallest} x {smallest}."
        )
    return np.array([_by_frame(_ssim_map(x, y)) for x, y in _pairs(clips, reconstruction)])


def masked_mse(series: Any, reconstruction: Any) -> float:
    """Mean squared error over the observed values of a panel.

    Parameters
    ----------
    series : array of shape (n, time, channel) or (n, time)
        NaN where not observed, or after the end.
    reconstruction : array of the same shape
        Finite where ``series`` is observed.

    Returns
    -------
    float

    Examples
    --------
    >>> masked_mse([[1.0, np.nan, 2.0]], [[1.0, 7.0, 4.0]])
    2.0
    """
    target, guess = np.asarray(series, np.float64), np.asarray(reconstruction, np.float64)
    if target.shape != guess.shape:
        raise ValueError(
            f"series has shape {target.shape} and reconstruction {guess.shape}; expected the same."
        )
    observed = ~np.isnan(target)
    errors = (target[observed] - guess[observed]) ** 2
    if not len(errors) or not np.isfinite(errors).all():
        raise ValueError(
            "series has no observed value, or an infinite one, or reconstruction is not finite "
            "where series is observed."
        )
    return float(errors.mean())


def _pairs(clips: Any, reconstruction: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Both clips between 0 and 1, one at a time: a float copy of all takes eight times as much."""
    clips, reconstruction = np.asarray(clips), np.asarray(reconstruction)
    if clips.ndim != 5 or clips.shape != reconstruction.shape or not clips.size:
        raise ValueError(
            f"clips has shape {clips.shape} and reconstruction {reconstruction.shape}; expected "
            "the same (n, time, height, width, channel), not empty."
        )
    for x, y in zip(clips, reconstruction, strict=True):
        yield _unit(x, "clips"), _unit(y, "reconstruction")


def _unit(clip: np.ndarray, name: str) -> np.ndarray:
    if clip.dtype == np.uint8:
        return clip / 255.0
    values = clip.astype(np.float64)
    if not (values.min() >= 0 and values.max() <= 1):  # also refuses NaN
        raise ValueError(
            f"{name} is {clip.dtype} from {values.min():g} to {values.max():g}; expected uint8, or "
            "floats between 0 and 1."
        )
    return values


def _by_frame(values: np.ndarray) -> np.ndarray:
    return values.mean(axis=(1, 2, 3))


def _ssim_map(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Similarity at every place of (time, height, width, channel) where the window fits."""
    inside = slice(SSIM_RADIUS, -SSIM_RADIUS)

    def local_mean(values: np.ndarray) -> np.ndarray:
        blurred = gaussian_filter(values, SSIM_SIGMA, radius=SSIM_RADIUS, axes=(1, 2))
        return blurred[:, inside, inside]

    mean_x, mean_y = local_mean(x), local_mean(y)
    variances = local_mean(x**2) - mean_x**2 + local_mean(y**2) - mean_y**2
    covariance = local_mean(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + SSIM_C1) / (mean_x**2 + mean_y**2 + SSIM_C1)
    return luminance * (2 * covariance + SSIM_C2) / (variances + SSIM_C2)

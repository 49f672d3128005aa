"""What the encoders of frames share."""


def require_single_steps(window: int) -> None:
    """Refuse elements of several frames.

    Raises
    ------
    ValueError
    """
    if window != 1:
        raise ValueError(
            f"window is {window}, but an element of this encoder is a single frame. "
            "Pass window='auto' or window=1."
        )

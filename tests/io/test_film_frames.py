"""Films as a player shows them, against films that the tests make."""

import io
import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("av")
pytest.importorskip("imageio")
import av
from PIL import Image

from tsdisentangle.io.film_frames import Timeline, open_film
from tsdisentangle.io.video_files import read_clip, stream_clips, write_clip


def encode(path, greys, times, tick=Fraction(1, 1000), codec="libvpx"):
    """Write a film of grey frames, shown from given times on."""
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=30)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = tick
        stream.codec_context.gop_size = 1
        for grey, time in zip(greys, times, strict=True):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), grey, np.uint8), "rgb24")
            frame.pts, frame.time_base = time, tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def grey(clip):
    """The number of each frame, whose grey is ten times it."""
    return np.rint(clip.mean(axis=(1, 2, 3)) / 10).astype(int).tolist()


@pytest.fixture(scope="module")
def varying(tmp_path_factory):
    """Ten frames in the first second, then one a second; the last one ends at once."""
    path = tmp_path_factory.mktemp("films") / "varying.webm"
    encode(path, np.arange(15) * 10, [*range(0, 1000, 100), *range(1000, 6000, 1000)])
    return path


SHOWN = [*range(0, 1000, 100), *range(1000, 6000, 1000)]
END = 5.033


def at(seconds):
    """The frame that is shown at a time."""
    return int(np.searchsorted(SHOWN, seconds * 1000, side="right")) - 1


@pytest.mark.parametrize("frames", [1, 3, 5, 12])
@pytest.mark.parametrize(("start", "end"), [(0, None), (0.35, 3), (np.float32(2), 4.5)])
def test_frames_are_spaced_by_time(varying, frames, start, end):
    last = END if end is None else end
    times = start + (np.arange(frames) + 0.5) / frames * (last - start)
    if at(last - 1e-3) - at(start) + 1 < frames:
        with pytest.raises(ValueError, match=rf"expected at least {frames}. Ask for fewer"):
            read_clip(varying, frames=frames, start=start, end=end, size=8)
    else:
        clip = read_clip(varying, frames=frames, start=start, end=end, size=8)
        assert grey(clip) == [at(time) for time in times]


@pytest.mark.parametrize("fps", [0.7, 2, 10, 25])
@pytest.mark.parametrize("start", [0, 0.55, 2.5])
def test_frames_at_a_rate(varying, fps, start):
    times = [start + i / fps for i in range(200) if start + i / fps < END - 1e-3]
    n = min(len(times), 12)
    expected = [at(time + 1e-6) for time in times]
    assert grey(read_clip(varying, frames=n, fps=fps, start=start, size=8)) == expected[:n]
    clips = list(stream_clips(varying, frames=2, fps=fps, start=start, size=8))
    assert grey(np.concatenate(clips)) == expected[: len(times) // 2 * 2]
    (clip,) = stream_clips(varying, frames=1, fps=fps, start=start, end=start + 0.9 / fps, size=8)
    assert grey(clip) == expected[:1]


def test_frames_between_two_times(varying):
    (clip,) = stream_clips(varying, frames=3, every=2, start=0.5, end=2, size=8)
    assert grey(clip) == [5, 7, 9]
    with pytest.raises(ValueError, match="has 0 frames to take"):
        next(stream_clips(varying, frames=1, start=7))


@pytest.mark.parametrize(
    ("times", "match"),
    [
        ({"start": -1}, "start must be a number, 0 or more, got -1"),
        ({"start": None}, "start must be a number"),
        ({"end": 0}, "end must be a number, more than 0, got 0"),
        ({"end": np.nan}, "end must be a number"),
        ({"start": 2, "end": 2}, "end=2 is not after start=2; both are seconds"),
        ({"fps": 0}, "fps must be a number, more than 0"),
        ({"fps": "25"}, "fps must be a number"),
        ({"background": (0, 0, 256)}, "three whole numbers from 0 to 255"),
        ({"background": "white"}, "three whole numbers"),
        ({"damaged": "ignore"}, "damaged must be 'raise' or 'warn', got 'ignore'"),
        ({"size": 8.0}, r"got 2 and 8\.0; expected whole numbers"),
        ({"size": (8, 8, 3)}, "size as one or as"),
    ],
)
def test_bad_options(varying, times, match):
    for read in (read_clip, lambda *a, **k: next(stream_clips(*a, **k))):
        with pytest.raises(ValueError, match=match):
            read(varying, frames=2, **times)


def test_times_beyond_the_film(varying):
    with pytest.raises(
        ValueError, match=r"ends after 5\.03\d seconds; expected frames from 7\.000"
    ):
        read_clip(varying, frames=1, start=7)
    with pytest.raises(ValueError, match=r"ends after 5\.03\d seconds.* to 9\.000"):
        read_clip(varying, frames=1, end=9)
    with pytest.raises(ValueError, match=r"20 frames at fps=2 need 9\.500 seconds; there are 3"):
        read_clip(varying, frames=20, fps=2, start=2)
    with pytest.raises(ValueError, match="fps=2 and every=3 exclude each other"):
        next(stream_clips(varying, frames=2, fps=2, every=3))


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 400),
    frames=st.integers(1, 40),
    rate=st.sampled_from([Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(50)]),
    ticks=st.sampled_from([100, 1000, 12800, 90000]),
)
def test_a_constant_rate_is_spaced_by_number(n, frames, rate, ticks):
    """Whatever the rounding of the times that a file holds."""
    starts = [round(number / rate * ticks) for number in range(n)]
    line = Timeline.of(starts, round(n / rate * ticks))
    middles = [Fraction(2 * i + 1, 2 * frames) * line.end for i in range(frames)]
    expected = [(2 * i + 1) * n // (2 * frames) for i in range(frames)]
    assert [line.number_at(time) for time in middles] == expected


# -- which way up ---------------------------------------------------------------------------------

ORIENTATIONS = {  # a, b, c, d of the display matrix, and what it does to (frame, row, column)
    (1, 0, 0, 1): lambda clip: clip,
    (0, 1, -1, 0): lambda clip: np.rot90(clip, -1, (1, 2)),
    (-1, 0, 0, -1): lambda clip: np.rot90(clip, 2, (1, 2)),
    (0, -1, 1, 0): lambda clip: np.rot90(clip, 1, (1, 2)),
    (-1, 0, 0, 1): lambda clip: clip[:, :, ::-1],
    (1, 0, 0, -1): lambda clip: clip[:, ::-1],
    (0, 1, 1, 0): lambda clip: clip.swapaxes(1, 2),
    (0, -1, -1, 0): lambda clip: np.rot90(clip.swapaxes(1, 2), 2, (1, 2)),
}


@pytest.fixture(scope="module")
def corners(tmp_path_factory):
    """A film with another grey in each quarter."""
    film = np.zeros((2, 32, 64, 3), np.uint8)
    film[:, :16, 32:], film[:, 16:, :32], film[:, 16:, 32:] = 80, 160, 240
    path = tmp_path_factory.mktemp("films") / "corners.mp4"
    write_clip(path, film)
    return path


def turn(path, matrix, target):
    """Copy an MP4 with another display matrix in the header of its track."""
    content = bytearray(path.read_bytes())
    a, b, c, d = (round(value * 2**16) for value in matrix)
    place = content.index(b"tkhd") + 44
    content[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 2**30)
    target.write_bytes(content)
    return target


@pytest.mark.parametrize("matrix", ORIENTATIONS)
def test_films_are_turned_as_they_say(corners, matrix, tmp_path):
    turned = turn(corners, matrix, tmp_path / "turned.mp4")
    across = matrix[0] == 0
    clip = read_clip(turned, frames=2, size=(12, 8))
    plain = read_clip(corners, frames=2, size=(8, 12) if across else (12, 8))
    np.testing.assert_array_equal(clip, ORIENTATIONS[matrix](plain))
    (streamed,) = stream_clips(turned, frames=2, size=(12, 8))
    np.testing.assert_array_equal(streamed, clip)


def test_a_slant_is_refused(corners, tmp_path):
    slanted = turn(corners, (0.8, 0.6, -0.6, 0.8), tmp_path / "slanted.mp4")
    with pytest.raises(ValueError, match="shown at a slant"):
        read_clip(slanted, frames=1)


# -- what is no film, and what shines through -----------------------------------------------------


def test_a_cover_is_no_film(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    picture = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(picture, "PNG")
    cover = b"\0image/png\0\3\0" + picture.getvalue()
    cover = b"APIC" + struct.pack(">I", len(cover)) + bytes(2) + cover
    size = bytes(len(cover) >> shift & 0x7F for shift in (21, 14, 7, 0))
    sound = io.BytesIO()
    soundfile.write(sound, np.sin(np.arange(16000) / 20), 16000, format="MP3")
    (tmp_path / "song.mp3").write_bytes(b"ID3\3\0\0" + size + cover + sound.getvalue())
    with pytest.raises(ValueError, match="holds no video, only sound and a cover picture"):
        read_clip(tmp_path / "song.mp3", frames=1)


def transparent(colour):
    """Two pictures that hide green behind what is clear, half clear and not clear."""
    pixels = np.zeros((2, 16, 48, 4), np.uint8)
    pixels[..., :3] = colour
    pixels[:, :, 16:32, 3], pixels[:, :, 32:, 3] = 128, 255
    pixels[1, :8, :, :3] = 9  # so that the two differ
    return pixels


@pytest.mark.parametrize("background", [(255, 255, 255), (0, 0, 0), (200, 0, 40)])
@pytest.mark.parametrize("ending", ["png", "gif"])
def test_what_is_clear_shows_the_background(background, ending, tmp_path):
    pixels = transparent((0, 250, 0))
    first, second = (Image.fromarray(each) for each in pixels)
    path = tmp_path / f"clear.{ending}"
    if ending == "png":
        first.save(path, save_all=True, append_images=[second], duration=100)
    else:  # in which a pixel is clear or not
        pixels[:, :, 16:32, 3] = 255
        frames = [Image.fromarray(each) for each in pixels]
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, disposal=2)
    clip = read_clip(path, frames=1, end=0.1, size=(16, 48), background=background)
    share = pixels[0, ..., 3:] / 255
    expected = pixels[0, ..., :3] * share + np.array(background) * (1 - share)
    np.testing.assert_allclose(clip[0], expected, atol=2)


def test_white_is_behind_a_clear_picture(tmp_path):
    Image.fromarray(transparent((0, 250, 0))[0]).save(tmp_path / "clear.png")
    assert (read_clip(tmp_path / "clear.png", frames=1, size=(16, 48))[0, :, :16] == 255).all()


def test_sizes_may_be_numpy_integers(corners):
    plain = read_clip(corners, frames=2, size=(8, 12))
    for size in (np.array([8, 12]), (np.int64(8), np.uint8(12)), [8, 12]):
        np.testing.assert_array_equal(read_clip(corners, frames=np.int32(2), size=size), plain)
    assert read_clip(corners, frames=1, size=np.int64(8)).shape == (1, 8, 8, 3)


# -- damage ---------------------------------------------------------------------------------------


def test_a_film_that_was_cut_off(varying, tmp_path):
    path = tmp_path / "cut.webm"
    path.write_bytes(varying.read_bytes()[: varying.stat().st_size // 2])
    message = r"cut\.webm was cut off or damaged: \d+ frames, 0\.\d+ of 5\.03 seconds, can be"
    with pytest.raises(ValueError, match=message + r".*pass damaged='warn'"):
        read_clip(path, frames=3)
    with pytest.warns(UserWarning, match=message) as caught:
        clip = read_clip(path, frames=3, size=8, damaged="warn")
    assert len(caught) == 1
    assert grey(clip) == sorted(set(grey(clip)))
    assert grey(clip)[-1] < 10
    clips = stream_clips(path, frames=2, size=8)
    assert grey(next(clips)) == [0, 1]
    with pytest.raises(ValueError, match=message):
        list(clips)
    with pytest.warns(UserWarning, match=message):
        clips = list(stream_clips(path, frames=3, size=8, damaged="warn"))
    assert grey(clips[0]) == [0, 1, 2]


def test_a_film_with_a_hole(tmp_path):
    path = tmp_path / "whole.mp4"
    encode(path, np.arange(20) * 10, range(0, 2000, 100), codec="libx264")
    with av.open(path) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    start, size = places[9]
    content[start : start + size] = b"\xff" * size
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"whole\.mp4 cannot be read as video|was cut off or dam"):
        read_clip(path, frames=19)
    with pytest.warns(UserWarning, match="19 frames"):
        (clip,) = stream_clips(path, frames=19, size=8, damaged="warn")
    assert grey(clip) == [*range(9), *range(10, 20)]
    with pytest.warns(UserWarning, match="19 frames"):
        clip = read_clip(path, frames=10, start=0.1, fps=5, size=8, damaged="warn")
    assert grey(clip) == [1, 3, 5, 7, 8, 11, 13, 15, 17, 19]  # the one before the hole stays


def test_frames_without_times_follow_one_another(tmp_path):
    """As in a bare stream of a codec."""
    path = tmp_path / "bare.h264"
    encode(path, np.arange(12) * 10, range(12), Fraction(1, 25), "libx264")
    with open_film(path) as film:
        times = [time for time, _ in film.frames()]
    assert len(set(np.diff(times))) == 1
    assert grey(read_clip(path, frames=4, size=8)) == [1, 4, 7, 10]

"""Video files to clips and back."""

import subprocess
import sys
import wave

import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("imageio")
import av
from PIL import Image

from tsdisentangle.io import video_files as video
from tsdisentangle.io.video_files import read_clip, stream_clips, write_clip


def ramp(frames, height=32, width=48):
    """A film whose frames are grey, each a little lighter."""
    grey = np.arange(frames, dtype=np.uint8)[:, None, None, None] * 10
    return np.broadcast_to(grey, (frames, height, width, 3))


def number(clip):
    """Number of the frame of `ramp` that each frame is."""
    return np.rint(clip.mean(axis=(1, 2, 3)) / 10).astype(int).tolist()


@pytest.fixture(scope="session", params=["gif", "mp4"])
def film(request, tmp_path_factory):
    """A film of 20 frames, which no test changes; to encode one takes most of a second."""
    path = tmp_path_factory.mktemp("films") / f"film.{request.param}"
    write_clip(path, ramp(20))
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("frames", "expected"),
    [(1, [10]), (2, [5, 15]), (4, [2, 7, 12, 17]), (20, list(range(20))), (3, [3, 10, 16])],
)
def test_evenly_spaced_frames(film, frames, expected):
    clip = read_clip(film, frames=frames, size=16)
    assert clip.shape == (frames, 16, 16, 3)
    assert clip.dtype == np.uint8
    assert number(clip) == expected


def test_consecutive_clips(film):
    clips = list(stream_clips(film, frames=6, size=(8, 10)))
    assert [clip.shape for clip in clips] == [(6, 8, 10, 3)] * 3
    assert number(np.concatenate(clips)) == list(range(18))  # a rest of two is left out
    (clip,) = stream_clips(film, frames=6, size=8, every=3)
    assert number(clip) == [0, 3, 6, 9, 12, 15]


def test_frames_are_decoded_one_by_one(film, monkeypatch):
    """Nothing is scaled before it is asked for, and no film is decoded to its end for one clip."""
    scaled = []
    scale = video._scale
    monkeypatch.setattr(
        video, "_scale", lambda frame, *size: scaled.append(1) or scale(frame, *size)
    )
    clips = stream_clips(film, frames=4)
    assert len(scaled) == 0
    next(clips)
    assert len(scaled) == 4
    clips.close()
    read_clip(film, frames=2)
    assert len(scaled) == 6


def test_pixels_come_back(tmp_path):
    """Few colours survive a GIF exactly, in their places and channels."""
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [250, 250, 0]], dtype=np.uint8)
    picks = np.random.default_rng(0).integers(4, size=(5, 12, 20))
    write_clip(tmp_path / "c.gif", colours[picks])
    np.testing.assert_array_equal(
        read_clip(tmp_path / "c.gif", frames=5, size=(12, 20)), colours[picks]
    )


def test_scaling_takes_means_over_areas(tmp_path):
    stripes = np.zeros((2, 16, 16, 3), dtype=np.uint8)
    stripes[:, :, ::4] = 200  # one column of four
    stripes[1, 0, 0] = 1
    write_clip(tmp_path / "s.gif", stripes)
    clip = read_clip(tmp_path / "s.gif", frames=2, size=4)
    assert np.abs(clip[0].astype(int) - 50).max() <= 2


def test_floats_are_shares_of_255(tmp_path):
    write_clip(tmp_path / "f.gif", ramp(3) / np.float64(255))
    assert number(read_clip(tmp_path / "f.gif", frames=3)) == [0, 1, 2]


def test_a_gif_runs_for_ever_at_its_speed(tmp_path):
    write_clip(tmp_path / "g.gif", ramp(4), fps=5)
    with Image.open(tmp_path / "g.gif") as picture:
        assert picture.info["loop"] == 0
        assert picture.info["duration"] == 200
        assert picture.n_frames == 4


@pytest.mark.slow
def test_an_mp4_is_h264_at_its_speed(tmp_path):
    write_clip(tmp_path / "m.mp4", ramp(6), fps=5)
    with av.open(tmp_path / "m.mp4") as container:
        (stream,) = container.streams
        assert stream.codec_context.name == "h264"
        assert stream.average_rate == 5


@pytest.mark.parametrize("read", [read_clip, lambda *a, **k: next(stream_clips(*a, **k))])
class TestRefused:
    @pytest.mark.parametrize("name", ["text.mp4", "text.gif", "text.avi"])
    def test_text(self, read, name, tmp_path):
        (tmp_path / name).write_text("not a film\n" * 100)
        with pytest.raises(ValueError, match=rf"{name} cannot be read as video: .* Expected MP4"):
            read(tmp_path / name, frames=2)

    def test_nothing(self, read, tmp_path):
        (tmp_path / "empty.mp4").write_bytes(b"")
        with pytest.raises(ValueError, match=r"empty\.mp4 cannot be read as video"):
            read(tmp_path / "empty.mp4", frames=2)

    @pytest.mark.parametrize("film", ["mp4"], indirect=True)
    def test_half_a_film(self, read, film, tmp_path):
        path = tmp_path / "half.mp4"
        path.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
        with pytest.raises(ValueError, match=r"half\.mp4 cannot be read as video"):
            read(path, frames=2)

    def test_sound(self, read, tmp_path):
        with wave.open(str(tmp_path / "sound.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(bytes(4000))
        with pytest.raises(ValueError, match="holds no video, only sound"):
            read(tmp_path / "sound.wav", frames=2)

    def test_missing(self, read, tmp_path):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "none.mp4", frames=2)

    def test_too_few_frames(self, read, film):
        with pytest.raises(ValueError, match=r"has 20 frames.*; expected at least 21"):
            read(film, frames=21)

    @pytest.mark.parametrize("wrong", [{"frames": 0}, {"size": 0}, {"size": (8, 0)}])
    def test_sizes(self, read, wrong, film):
        with pytest.raises(ValueError, match="frames and size must be at least 1"):
            read(film, **{"frames": 2, **wrong})


def test_every_must_be_positive(film):
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        next(stream_clips(film, frames=2, every=0))


@pytest.mark.parametrize(
    ("name", "clip", "match"),
    [
        ("x.png", ramp(2), r"must end in \.gif or \.mp4"),
        ("x.mp4", ramp(2, 31), "frames of 31 x 48 pixels; MP4 needs even numbers"),
        ("x.gif", ramp(2)[0], r"has shape \(32, 48, 3\); expected"),
        ("x.gif", ramp(2)[..., :2], r"has shape \(2, 32, 48, 2\); expected"),
        ("x.gif", ramp(2).astype(np.int64), "type int64"),
        ("x.gif", ramp(2).astype(float), "type float64 and values that are not all from 0 to 1"),
        ("x.gif", np.full((2, 4, 4, 3), np.nan), "values that are not all from 0 to 1"),
    ],
)
def test_what_cannot_be_written(name, clip, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        write_clip(tmp_path / name, clip)
    assert list(tmp_path.iterdir()) == []


def test_missing_packages_are_named():
    code = (
        "import sys; sys.modules['av'] = None\n"
        "try: import tsdisentangle.io.video_files\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "pip install 'tsdisentangle[video]'" in done.stdout

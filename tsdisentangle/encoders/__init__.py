from tsdisentangle.encoders.spectrogram import SpectrogramDecoder, SpectrogramEncoder
from tsdisentangle.encoders.tabular import TabularDecoder, TabularEncoder
from tsdisentangle.encoders.video import VideoDecoder, VideoEncoder

__all__ = [
    "SpectrogramDecoder",
    "SpectrogramEncoder",
    "TabularDecoder",
    "TabularEncoder",
    "VideoDecoder",
    "VideoEncoder",
]

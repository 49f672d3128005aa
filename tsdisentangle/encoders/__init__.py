from tsdisentangle.encoders.tabular import TabularDecoder, TabularEncoder

__all__ = ["TabularDecoder", "TabularEncoder"]

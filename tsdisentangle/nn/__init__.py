from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.gaussian import Gaussian, GaussianHead
from tsdisentangle.nn.recurrent import RecurrentPrior, SequenceLSTM

__all__ = ["ElementEncoder", "Gaussian", "GaussianHead", "RecurrentPrior", "SequenceLSTM"]

"""Model files: estimators written to disk and read back without running any code from the file."""

from tsdisentangle.persistence.archive import ModelFileError
from tsdisentangle.persistence.checkpoint_file import CheckpointError
from tsdisentangle.persistence.model_file import ModelInfo, inspect_model, load, save_model
from tsdisentangle.persistence.versions import PickleVersionWarning, stamp, unstamp

__all__ = [
    "CheckpointError",
    "ModelFileError",
    "ModelInfo",
    "PickleVersionWarning",
    "inspect_model",
    "load",
    "save_model",
    "stamp",
    "unstamp",
]

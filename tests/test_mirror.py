"""Tests stand where the code stands: each source file has its test file, of the same name."""

from pathlib import Path

import tsdisentangle

ROOT = Path(tsdisentangle.__file__).parent
TESTS = Path(__file__).parent

# Source files without a test file of their name, and the tests that cover them.
COVERED_BY = {
    "__main__.py": ["test_cli.py"],
    "base.py": ["test_contract.py", "test_behaviour.py", "test_sklearn_contract.py"],
    "network.py": ["test_contract.py", "methods"],
    "encoders/spectrogram.py": ["test_modalities.py", "nn/test_spectrogram_networks.py"],
    "encoders/tabular.py": ["test_contract.py", "nn/test_tabular_networks.py"],
    "encoders/video.py": ["test_modalities.py", "nn/test_video_networks.py"],
    "methods/_contrastive.py": ["methods/test_cdsvae.py", "methods/test_spyl.py"],
    "methods/_sequential.py": ["methods/test_rwae.py", "methods/test_mocogan.py"],
    "nn/element_encoder.py": ["nn/test_tabular_networks.py", "test_own_panel.py"],
    "nn/gaussian_process.py": ["losses/test_gp_kl.py", "methods/test_gpvae.py"],
    "nn/sequential_posterior.py": ["methods/test_cdsvae.py"],
    "persistence/scaler_state.py": ["persistence/test_estimator_state.py"],
    "presets/published.py": ["methods/test_static_dynamic_vae.py"],
    "training/building.py": ["test_contract.py", "test_precision_and_devices.py"],
    "training/callbacks.py": ["test_behaviour.py", "test_interrupted_fit.py"],
    "training/inference.py": ["test_contract.py", "test_out_of_core.py", "test_scores.py"],
}


def mirrored(source):
    return source.parent / f"test_{source.name.removeprefix('_')}"


def test_every_source_file_has_its_tests():
    sources = [path.relative_to(ROOT) for path in ROOT.rglob("*.py") if path.stem != "__init__"]
    without = {str(path) for path in sources if not (TESTS / mirrored(path)).is_file()}
    assert without == set(COVERED_BY)


def test_what_covers_the_others_is_there():
    for source, tests in COVERED_BY.items():
        assert (ROOT / source).is_file()
        assert all((TESTS / test).exists() for test in tests), source


def test_base_names_say_which_file_is_meant():
    names = [path.stem for path in ROOT.rglob("*.py") if path.stem != "__init__"]
    allowed = {"contrastive"}  # methods/_contrastive.py, which no test or user imports
    assert {name.lstrip("_") for name in names if names.count(name) > 1} <= allowed

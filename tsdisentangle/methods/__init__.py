"""The methods: an estimator a file. A new one is that file and a line here."""

from importlib import import_module

# Names of the estimators and where they live, in the order of tables and pages. The modules are
# imported on first use, so that importing the package is fast.
METHODS = {
    "StaticDynamicVAE": "tsdisentangle.methods.static_dynamic_vae",
    "VAE": "tsdisentangle.methods.vae",
    "GPVAE": "tsdisentangle.methods.gpvae",
    "CDSVAE": "tsdisentangle.methods.cdsvae",
    "GLR": "tsdisentangle.methods.glr",
    "SPYL": "tsdisentangle.methods.spyl",
    "S3VAE": "tsdisentangle.methods.s3vae",
    "SKD": "tsdisentangle.methods.skd",
    "RWAE": "tsdisentangle.methods.rwae",
    "MoCoGAN": "tsdisentangle.methods.mocogan",
    "DSVAE": "tsdisentangle.methods.dsvae",
    "FHVAE": "tsdisentangle.methods.fhvae",
}


def load_methods() -> dict[str, type]:
    """Return the estimators' classes by their names, in the order of :data:`METHODS`."""
    return {name: getattr(import_module(module), name) for name, module in METHODS.items()}

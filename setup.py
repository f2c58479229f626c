"""Packaging and the direct dependencies, which `make lock` resolves to requirements.lock."""

from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent
README = ROOT / "README.md"

PACKAGES = (
    "pipeline",
    "pipeline.configs",
    "components",
    "components.example_gen",
    "components.report",
    "models",
    "models.checks",
    "models.ctr",
    "models.embedding",
    "models.extension",
    "models.losses",
    "models.metrics",
    "models.sparse",
    "models.training",
    "models.warm",
    "data",
    "data.interactions",
    "data.readers",
    "data.sampling",
)

REQUIRES = (
    # One set that works together: tensorflow-ranking 0.5.5 needs TensorFlow below 2.16, which TFX
    # 1.15 provides, and TFX 1.15's metadata holds protobuf at 3.20 and so kfp at 2.5.
    "tfx==1.15.1",
    "tensorflow==2.15.1",
    "tensorflow-ranking==0.5.5",
    "tensorflow-recommenders==0.7.7",
    "tensorflow-transform==1.15.0",
    "tensorflow-data-validation==1.15.1",
    "tensorflow-model-analysis==0.46.0",
    "tensorflow-metadata==1.15.0",
    "tensorflow-serving-api==2.15.1",
    "tfx-bsl==1.15.1",
    "ml-metadata==1.15.0",
    "keras-tuner[bayesian]==1.4.8",  # its Gaussian process is that of scikit-learn
    "apache-beam[gcp]==2.64.0",  # the last with cloudpickle 2; brings dill, which TFT imports
    "kfp==2.5.0",
    "kfp-server-api==2.0.5",  # kfp's client raises its errors, and those of the next two
    "google-auth==2.62.2",
    "urllib3==1.26.20",
    "kfp-kubernetes==1.0.0",
    "google-cloud-aiplatform==1.71.1",  # newer ones warn about Python 3.10 in every process
    "absl-py==1.4.0",
    "grpcio==1.65.5",
    "Jinja2==3.1.6",
    "MarkupSafe==3.0.4",
    "lightgbm==4.7.0",  # what neural rankers are held against, in the gate and in benchmarks
    "numpy==1.26.4",
    "pandas==1.5.3",
    "protobuf==3.20.3",
    "pyarrow==10.0.1",
    "PyYAML==6.0.3",
    "tomli==2.5.0",
    "pip==26.3",  # the `tfx` command calls it
    "setuptools==80.9.0",  # has pkg_resources, which TensorBoard and TensorFlow Hub import
    "wheel==0.48.0",
)

EXTRAS = {
    "test": [
        "kubernetes-validate==1.37.0",
        "mypy==2.4.1",
        "pytest==9.2.0",
        "pytest-xdist==3.8.0",
        "ruff==0.17.5",
        "scikit-learn==1.7.2",
    ],
    "cuda": ["tensorflow[and-cuda]==2.15.1"],
}

setup(
    name="ranking-pipelines",
    version="0.1.0",
    description="From logs of ranked lists to a gated, published ranking model, with TFX.",
    long_description=README.read_text("utf-8") if README.exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires="==3.10.*",
    install_requires=list(REQUIRES),
    extras_require=EXTRAS,
    package_dir={"": "."},
    packages=[name for name in PACKAGES if (ROOT / name.replace(".", "/")).is_dir()],
    py_modules=["pipeline_runner"],
    package_data={
        "pipeline.configs": ["*.toml"],
        "components.report": ["templates/*.html", "templates/*.css"],
    },
    entry_points={"console_scripts": ["ranking-pipelines = pipeline_runner:main"]},
)

# The image of the pipeline's nodes, of Beam's workers and of training in several pods: the locked
# packages and the project, for a user without rights. Built by `make image`; the README has more.
#
#   BASE              a Debian image with Python 3.10
#   LOCKS             "requirements.lock requirements-cuda.lock" adds the libraries of CUDA
#   TENSORFLOW_WHEEL  for TPUs: the address of TensorFlow's wheel for TPU VMs. For TensorFlow 2.15
#                     no package index has one; Google Cloud's documentation of TPU VMs says where
#                     it is (cp310, 2.15.0). `#sha256=...` at the end of an address is checked.
#   LIBTPU            the address of the libtpu.so that belongs to it (1.9.0)
ARG BASE=python:3.10-slim-bookworm

FROM ${BASE} AS build
ARG LOCKS=requirements.lock
ARG TENSORFLOW_WHEEL=""
ARG LIBTPU=""
ENV VIRTUAL_ENV=/opt/ranking PATH=/opt/ranking/bin:$PATH PIP_NO_CACHE_DIR=1
WORKDIR /source
RUN python -m venv $VIRTUAL_ENV
COPY requirements.lock requirements-cuda.lock ./
# Some packages come as sources. What builds them is of the lock as well, never an index's newest.
RUN sed -n '/^\(pip\|setuptools\)==/,/[^\\]$/p' requirements.lock > tools.lock \
    && pip install --no-deps --require-hashes -r tools.lock \
    && for lock in $LOCKS; do \
        pip install --no-deps --require-hashes --no-build-isolation -r $lock || exit 1; \
    done
RUN if [ -n "$TENSORFLOW_WHEEL" ]; then \
        pip install --no-deps --no-index --force-reinstall "$TENSORFLOW_WHEEL" \
        && python -c "import sys, urllib.request as url; url.urlretrieve(*sys.argv[1:])" \
            "$LIBTPU" $VIRTUAL_ENV/lib/libtpu.so; \
    fi
COPY setup.py pipeline_runner.py README.md LICENSE ./
COPY data data/
COPY models models/
COPY components components/
COPY pipeline pipeline/
RUN pip install --no-deps --no-index --no-build-isolation .

FROM ${BASE}
# Kubeflow Pipelines before 2.3 puts copies of artifacts into /gcs. TensorFlow for TPUs looks for
# libtpu in /lib; Google's Kubernetes puts the driver of GPUs where LD_LIBRARY_PATH says.
RUN groupadd --gid 1000 ranking \
    && useradd --uid 1000 --gid 1000 --base-dir /var/lib --create-home ranking \
    && install -d -o 1000 -g 1000 /gcs \
    && ln -s /opt/ranking/lib/libtpu.so /lib/libtpu.so
# LightGBM, which yardsticks may use, needs GCC's runtime of OpenMP.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/ranking /opt/ranking
ENV PATH=/opt/ranking/bin:$PATH \
    HOME=/var/lib/ranking \
    LD_LIBRARY_PATH=/usr/local/nvidia/lib64 \
    PYTHONUNBUFFERED=1 \
    TF_CPP_MIN_LOG_LEVEL=3
USER 1000:1000
WORKDIR /var/lib/ranking
CMD ["ranking-pipelines", "--help"]

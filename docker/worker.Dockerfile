# A worker of a cluster: Beam's SDK image with videonet in it. Also runs any videonet command.
#
#   docker build -f docker/worker.Dockerfile -t videonet-worker .
#   docker build -f docker/worker.Dockerfile -t videonet-worker-gpu --build-arg ACCELERATOR=gpu .
#
# Of the Beam that requirements/base.lock has: both sides of a job must have the same.
FROM docker.io/apache/beam_python3.11_sdk:2.77.0

# Beam's start would otherwise make an environment of its own, in a folder of root's. The next ones
# keep libraries from telling their makers of runs. The last ones are for GPUs: the driver is the
# machine's, and container runtimes, and Dataflow, put it into /usr/local/nvidia.
ENV RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1 \
    VIDEONET_CACHE=/var/cache/videonet \
    ORT_DISABLE_TELEMETRY=1 \
    HF_HUB_DISABLE_TELEMETRY=1 \
    DO_NOT_TRACK=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    CUDA_WHEELS=/usr/local/lib/python3.11/site-packages/nvidia
ENV LD_LIBRARY_PATH=/usr/local/nvidia/lib64:$CUDA_WHEELS/cu13/lib:$CUDA_WHEELS/cudnn/lib

WORKDIR /opt/videonet
COPY requirements/base.lock requirements/youtube.lock requirements/gpu.lock requirements/
RUN pip install --no-cache-dir --require-hashes \
    -r requirements/base.lock -r requirements/youtube.lock

# cpu, or gpu: also CUDA and cuDNN, of the versions that ONNX Runtime is made for.
ARG ACCELERATOR=cpu
RUN if [ "$ACCELERATOR" = gpu ]; then \
      pip install --no-cache-dir --require-hashes -r requirements/gpu.lock; \
    fi

COPY pyproject.toml setup.py README.md ./
COPY videonet videonet
# With the setuptools that the image has: a build apart would fetch one that nothing pins.
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

# no, or yes: WordNet 3.0 from Debian's package, for class lists other than imagenet1k. Whatever the
# package's version is, videonet checks that it is WordNet 3.0.
ARG WORDNET=no
# hadolint ignore=DL3008
RUN if [ "$WORDNET" = yes ]; then \
      apt-get update && apt-get install -y --no-install-recommends wordnet-base && \
      videonet wordnet install --from /usr/share/wordnet --to /usr/local/share/nltk_data && \
      rm -rf /var/lib/apt/lists/*; \
    fi

RUN useradd --create-home --uid 1000 videonet && \
    mkdir -p "$VIDEONET_CACHE" && chown videonet "$VIDEONET_CACHE"
USER 1000

# none, resnet50 (fetched, and checked), or an ONNX file below classifier/, beside its JSON file: it
# becomes /opt/videonet/classifier/NAME. README.md is there in any case, so that something is copied.
ARG CLASSIFIER=none
COPY README.md classifier* classifier/
RUN case "$CLASSIFIER" in \
      none) ;; \
      resnet50) videonet classifier fetch ;; \
      *) videonet classifier show "classifier/$CLASSIFIER" ;; \
    esac

ENTRYPOINT ["/opt/apache/beam/boot"]

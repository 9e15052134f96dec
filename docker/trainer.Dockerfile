# A machine that trains: videonet with PyTorch, which brings its own CUDA.
#
#   docker build -f docker/trainer.Dockerfile -t videonet-trainer .
#   docker run --gpus all --shm-size 8g -v DATA:/data videonet-trainer train --data /data/out --out /data/run
FROM docker.io/library/python:3.11.14-slim-bookworm

ENV VIDEONET_CACHE=/var/cache/videonet \
    ORT_DISABLE_TELEMETRY=1 \
    HF_HUB_DISABLE_TELEMETRY=1 \
    DO_NOT_TRACK=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

WORKDIR /opt/videonet
COPY requirements/train.lock requirements/evaluate.lock requirements/
RUN pip install --no-cache-dir --require-hashes \
    -r requirements/train.lock -r requirements/evaluate.lock
COPY pyproject.toml setup.py README.md ./
COPY videonet videonet
# With the setuptools that PyTorch brought: a build apart would fetch one that nothing pins.
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

RUN useradd --create-home --uid 1000 videonet && \
    mkdir -p "$VIDEONET_CACHE" && chown videonet "$VIDEONET_CACHE"
USER 1000

ENTRYPOINT ["videonet"]
CMD ["--help"]

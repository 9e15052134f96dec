# Launches the job as a Flex Template of Dataflow: an image of docker/worker.Dockerfile with Google's
# launcher in it. The machines of the job may run the same image.
#
#   docker build -f docker/launcher.Dockerfile --build-arg WORKER=videonet-worker:1 -t launcher:1 .
ARG WORKER=videonet-worker:latest
FROM gcr.io/dataflow-templates-base/python311-template-launcher-base:flex_templates_base_image_release_20240628_RC00 AS google

# hadolint ignore=DL3006
FROM ${WORKER}

COPY --from=google /opt/google/dataflow/python_template_launcher \
  /opt/google/dataflow/python_template_launcher
ENV FLEX_TEMPLATE_PYTHON_PY_FILE=/usr/local/lib/python3.11/site-packages/videonet/pipelines/curate.py

# The image of the feature server and of the job apply-features, from the project's root; `make images` builds it too:
#   docker build -f knative/image/feast.Dockerfile -t kascade/feast:0.1.0 .
# Feast needs another numpy than detectors of drift do, so it has an image, an environment and a lock of its own.
ARG BASE=python:3.12-slim@sha256:78387bc3881b8273120a12ebe6c1ab22b018ccc2c9adf565ae1ac9b536e184ea

FROM ${BASE} AS build
COPY .locks/uv.txt .locks/feast.txt /locks/
RUN python -m venv /tools && /tools/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes \
        -r /locks/uv.txt \
    && python -m venv --without-pip /app \
    && /tools/bin/uv pip install --python /app/bin/python --no-cache --require-hashes --compile-bytecode -r /locks/feast.txt
COPY pipelines/feast/kascade_feast.py pipelines/feast/kascade_views.py /app/

FROM ${BASE}
ARG VERSION=0.0.0
LABEL org.opencontainers.image.title="kascade feast" \
      org.opencontainers.image.description="Feast's feature server, and the job that declares Kascade's views to it" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /app /app
ENV PORT=8080 HOME=/tmp PATH=/app/bin:/usr/local/bin:/usr/bin:/bin
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["python", "-E", "/app/kascade_feast.py"]

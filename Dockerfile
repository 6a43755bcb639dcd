FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/reelgate
COPY requirements.lock ./
RUN /opt/reelgate/bin/pip install --no-deps -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY app ./app
RUN /opt/reelgate/bin/pip install --no-deps . && /opt/reelgate/bin/pip check
RUN /opt/reelgate/bin/pip uninstall --yes setuptools pip

FROM python:3.11-slim
COPY --from=build /opt/reelgate /opt/reelgate
RUN useradd --uid 10001 --no-create-home reelgate && install --directory --mode 0700 --owner reelgate --group reelgate /data
ENV PATH=/opt/reelgate/bin:$PATH PYTHONUNBUFFERED=1
ENV REELGATE_HOST=0.0.0.0 REELGATE_PORT=8000 REELGATE_DATA_DIR=/data
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['REELGATE_PORT'] + '/readyz', timeout=2)"]
ENTRYPOINT ["reelgate"]
CMD ["serve"]

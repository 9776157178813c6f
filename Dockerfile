# The image of every process: `numberline init`, `worker`, `gateway` and the commands of users.
# Nothing of it is secret; settings come from the environment when it runs.

FROM python:3.11.15-slim-trixie AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore UV_NO_CACHE=1
WORKDIR /src
COPY requirements-uv.lock ./
RUN python -m pip install --quiet --require-hashes --requirement requirements-uv.lock
# only wheels: this image has no compiler, and a build script is code that no hash of ours covers
COPY deploy/requirements.lock deploy/build.lock deploy/
RUN python -m venv --without-pip /opt/numberline \
 && uv pip install --quiet --python /opt/numberline --only-binary :all: --compile-bytecode \
      --require-hashes --requirement deploy/requirements.lock
RUN python -m venv --without-pip /opt/build \
 && uv pip install --quiet --python /opt/build --only-binary :all: \
      --require-hashes --requirement deploy/build.lock
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY pipeline pipeline
COPY agents agents
COPY gateway gateway
COPY embedded embedded
COPY numberline numberline
RUN /opt/build/bin/hatchling build --target wheel --directory /opt/wheel \
 && uv pip install --quiet --python /opt/numberline --no-deps --compile-bytecode /opt/wheel/*.whl \
 && uv pip check --quiet --python /opt/numberline

FROM python:3.11.15-slim-trixie
# a number, not a name: Kubernetes can tell only from a number that it is not root
RUN groupadd --system --gid 10001 numberline \
 && useradd --system --uid 10001 --gid numberline --home-dir /var/lib/numberline --no-create-home numberline \
 && install --directory --owner numberline --group numberline --mode 0750 /var/lib/numberline
COPY --from=build /opt/numberline /opt/numberline
# OpenBLAS, of which numpy brings a copy and nothing here uses: else a thread for each processor of the machine, up to
# 64, more than a container of compose may have
ENV PATH=/opt/numberline/bin:$PATH \
    OPENBLAS_NUM_THREADS=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBERLINE_HOST=0.0.0.0 \
    NUMBERLINE_STATE_DIR=/var/lib/numberline
USER 10001:10001
# the one directory that a process writes to, beside /tmp: the rest may be read-only
WORKDIR /var/lib/numberline
EXPOSE 6161 9101 9102
ENTRYPOINT ["numberline"]
CMD ["--help"]

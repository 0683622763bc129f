# The image of the API and of the workers, for a processor: torch comes without CUDA, whose libraries take 4 GB more.
# Versions are those of constraints.txt. Measured in a virtual environment: 1.8 GB beside the base image's 0.13.
ARG PYTHON=3.11.14-slim-trixie

FROM python:${PYTHON} AS build
WORKDIR /src
# Of the nodes of a Ray cluster: docker build --build-arg RAY=1.
ARG RAY=
COPY constraints.txt pyproject.toml README.md ./
# uv alone knows where builds of torch for a processor are to be had.
RUN pip install --no-cache-dir --constraint constraints.txt uv \
    && uv venv --python /usr/local/bin/python3 /opt/venv \
    && uv pip install --python /opt/venv --no-cache --compile-bytecode --torch-backend cpu \
        --constraints constraints.txt --requirements pyproject.toml --extra postgres ${RAY:+--extra ray}
COPY search search
COPY storage storage
COPY service service
RUN uv pip install --python /opt/venv --no-cache --compile-bytecode --no-deps \
        --build-constraints constraints.txt .

FROM python:${PYTHON}
RUN useradd --create-home --uid 10001 search \
    && install --directory --owner search --group search /data
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    ACTIVATION_SEARCH_DATA_DIR=/data
USER 10001
WORKDIR /home/search
# The training loops are compiled once for the processor of this machine; on another they are compiled again.
RUN python -m search.engines.compiled
VOLUME /data
EXPOSE 8000
CMD ["activation-search", "serve", "--host", "0.0.0.0"]

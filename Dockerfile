# The service as an image: `docker build -t repurchase .`; docs/service.md says how to run it.

FROM python:3.11-slim AS build
# durable-rules is built from C.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN .ci/image /opt/repurchase

FROM python:3.11-slim
COPY --from=build /opt/repurchase /opt/repurchase
ENV PATH=/opt/repurchase/bin:$PATH
RUN useradd --system --create-home --home-dir /var/lib/repurchase repurchase
USER repurchase
WORKDIR /var/lib/repurchase
VOLUME /var/lib/repurchase
EXPOSE 8080
HEALTHCHECK CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz')"]
ENTRYPOINT ["repurchase"]
CMD ["serve", "--journal", "desk.db", "--keys", "keys.json", "--rules", "rules", "--host", "0.0.0.0"]

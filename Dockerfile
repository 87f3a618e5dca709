# Orbit in a container: `docker build -t orbit .`, then any command of `orbit`, as in
#   docker run -p 8000:8000 -v orbit:/var/lib/orbit -e ORBIT_TOKEN=... orbit serve --listen 0.0.0.0:8000

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked -p orbit && cp target/release/orbit /usr/local/bin/orbit

# The binary needs glibc, and the machine's authorities for TLS to buckets and Redis.
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/orbit orbit \
    && install -d -o orbit -g orbit /var/lib/orbit /var/cache/orbit
COPY --from=build /usr/local/bin/orbit /usr/local/bin/orbit
USER orbit
# Truth of an origin, copies of an edge.
ENV ORBIT_DATA_DIR=/var/lib/orbit ORBIT_DISK_DIR=/var/cache/orbit
VOLUME ["/var/lib/orbit", "/var/cache/orbit"]
EXPOSE 8000
STOPSIGNAL SIGTERM
ENTRYPOINT ["orbit"]
CMD ["--help"]

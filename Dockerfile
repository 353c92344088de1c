# syntax=docker/dockerfile:1
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
ARG DATE=unknown
RUN CGO_ENABLED=0 go build -trimpath \
      -ldflags "-s -w -X main.version=${VERSION} -X main.dateBuilt=${DATE}" \
      -o /out/sansan-satori ./cmd/sansan-satori \
 && mkdir -p /out/data /out/tmp && chmod 0700 /out/data && chmod 1777 /out/tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/sansan-satori /usr/local/bin/sansan-satori
COPY --from=build --chown=10001:10001 /out/data /data
COPY --from=build /out/tmp /tmp
COPY LICENSE NOTICE /usr/share/doc/sansan-satori/
# import and from in a pipeline resolve against the working directory: it holds
# config/ and bloblang/. Mount your own over them.
WORKDIR /app
COPY config config
COPY bloblang bloblang
ENV DATA_DIR=/data
VOLUME /data
USER 10001:10001
EXPOSE 4195
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["/usr/local/bin/sansan-satori", "healthy"]
ENTRYPOINT ["/usr/local/bin/sansan-satori"]
CMD ["run", "config/sync.yaml"]

# A static worker and the operator's command line, nothing else: no shell, no
# package, not root. The embedded Temporal server is left out, because in a
# container Temporal has one of its own.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
ENV CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-mod=readonly
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# timetzdata: schedules and active hours name time zones, the image has no files of them.
RUN go build -trimpath -tags noembed,timetzdata -ldflags "-s -w" -o /out/ ./worker ./starter
RUN mkdir /data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/worker /out/starter /usr/local/bin/
# What is stored: results, incidents, alerts.
COPY --from=build --chown=65532:65532 /data /var/lib/paramedic
VOLUME /var/lib/paramedic
ENV PATH=/usr/local/bin
USER 65532:65532
# The configuration is mounted here; /healthz answers on the address in it.
WORKDIR /etc/paramedic
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s --retries=3 \
    CMD ["worker", "healthcheck", "--config", "/etc/paramedic/paramedic.yml"]
ENTRYPOINT ["worker"]
CMD ["--config", "/etc/paramedic/paramedic.yml", "--data", "/var/lib/paramedic"]

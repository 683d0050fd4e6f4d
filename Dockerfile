# The plugin's root file system, for machines without Go. The result is the same
# as that of "make plugin":
#
#   docker build -t tocsin-rootfs .
#   mkdir -p build/plugin/rootfs
#   docker create --name tocsin-rootfs tocsin-rootfs /usr/bin/tocsin
#   docker export tocsin-rootfs | tar -x -C build/plugin/rootfs
#   docker rm tocsin-rootfs
#   cp config.json build/plugin/
#   docker plugin create tocsin build/plugin
#   docker plugin enable tocsin
#
# The scripts need sh, Go, CA roots and time zones from the Go image; with an
# Alpine image add tzdata. The Docker engine's classic builder is enough.
ARG GO_IMAGE=golang:1.26-bookworm

FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY . .
ARG VERSION=dev
RUN scripts/build bin/tocsin && scripts/rootfs bin/tocsin /rootfs

FROM scratch
COPY --from=build /rootfs /
ENTRYPOINT ["/usr/bin/tocsin"]

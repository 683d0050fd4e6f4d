// This stands for google.golang.org/api in the build of Tocsin: see ARCHITECTURE.md,
// Libraries. It has what compiles Prometheus's storage/remote/googleiam, and refuses.
module google.golang.org/api

go 1.26.0

require golang.org/x/oauth2 v0.37.0

require cloud.google.com/go/compute/metadata v0.3.0 // indirect

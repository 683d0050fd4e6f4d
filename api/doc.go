// Package api holds the types of Tocsin's own HTTP API, for all that Prometheus's has
// no place for. web writes them, and cli and whoever else likes to reads them. The
// answers stand in the envelope of Prometheus's API.
//
// Durations are numbers of seconds, sizes are in bytes, times are RFC 3339 in UTC and
// are left out where they do not apply.
package api

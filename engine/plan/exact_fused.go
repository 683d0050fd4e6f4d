//go:build !amd64 || amd64.v3

package plan

// rounds: see where the compiler does.
const rounds = false

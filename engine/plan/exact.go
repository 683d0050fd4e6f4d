//go:build amd64 && !amd64.v3

package plan

// rounds: the compiler rounds after each operation between floats. Where it may
// fuse a multiplication and an addition instead, code that was written a second
// time may give other last bits than promql's.
const rounds = true

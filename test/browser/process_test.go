package browser

import (
	"testing"
	"time"

	"github.com/tocsin/tocsin/test/internal/process"
)

// patience is for a condition that takes a few scrapes to come true.
const patience = 30 * time.Second

// eventually waits until check returns nil, and fails the test if it never does.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	process.Eventually(t, patience, what, check)
}

// Package faults breaks a real tocsin in the ways in which the world breaks it, a
// thousand times: it kills the process, and it cuts the power under its files.
// What must hold is that an alert changes state only on evidence, so that every
// test here knows what evidence there was.
//
// The tests have a short form, which go test runs, and a long one: make faults.
package faults

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

var (
	kills = flag.Int("kills", 120, "how often the process is killed")
	seed  = flag.Uint64("seed", 0, "seed of what is random; 0 takes one from the clock")
)

// scratch is the directory of what all tests share.
var scratch string

func TestMain(m *testing.M) {
	work()
	flag.Parse()
	// What runs side by side here mostly waits.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	dir, err := os.MkdirTemp("", "tocsin-faults-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	scratch = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// binary builds tocsin once, so that no test is about a stale build.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "tocsin")
	cmd := exec.Command("scripts/build", path)
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build tocsin: %w\n%s", err, out)
	}
	return path, nil
})

// random gives a test its numbers; the log of a failed test has the seed.
func random(t *testing.T, stream uint64) *rand.Rand {
	t.Logf("go test ./test/faults -run '^%s$' -seed %d", t.Name(), *seed)
	return rand.New(rand.NewPCG(*seed, stream))
}

// between is a random duration.
func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)+1))
}

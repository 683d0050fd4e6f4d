package examples

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/tocsin/tocsin/engine/ruletest"
	"github.com/tocsin/tocsin/rules"
	"github.com/tocsin/tocsin/storage"
)

// always are alerts that know no time at which they must not fire.
var always = map[string]bool{"Watchdog": true}

// TestRules runs the unit tests of each rule file. Every alert must be seen where
// it fires, and where it does not.
func TestRules(t *testing.T) {
	for _, path := range packs(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			tests := filepath.Join("rules-tests", filepath.Base(path))
			res := ruletest.Run(t.Context(), tests, ruletest.Options{NewStorage: func() (ruletest.Storage, func() error, error) {
				s := storage.New(storage.Options{Dir: t.TempDir(), Memory: true, BlockDuration: math.MaxInt64})
				return s, func() error { return s.Close(context.Background()) }, s.Open()
			}})
			for _, p := range append(res.Problems, res.Warnings...) {
				t.Error(p)
			}
			for _, test := range res.Tests {
				for _, f := range test.Failures {
					t.Error(f)
				}
			}
			fires, rests := expected(tests)
			for _, r := range alerts(path) {
				if !fires[r.Alert] {
					t.Errorf("%s has no test in which %s fires", tests, r.Alert)
				}
				if !rests[r.Alert] && !always[r.Alert] {
					t.Errorf("%s has no test in which %s does not fire", tests, r.Alert)
				}
			}
		})
	}
}

// packs are the rule files.
func packs(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("rules/*.yml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no rule files: %v", err)
	}
	return paths
}

// alerts are the alerting rules of a file.
func alerts(path string) []rules.Rule {
	var found []rules.Rule
	for _, g := range (rules.Options{}).ReadFile(path).Groups {
		for _, r := range g.Rules {
			if r.Alert != "" {
				found = append(found, r)
			}
		}
	}
	return found
}

// expected tells which alerts a file of unit tests expects to fire, and which not.
func expected(path string) (fires, rests map[string]bool) {
	fires, rests = map[string]bool{}, map[string]bool{}
	for _, t := range ruletest.Read(path).Tests {
		for _, a := range t.Alerts {
			if len(a.Want) > 0 {
				fires[a.AlertName] = true
			} else {
				rests[a.AlertName] = true
			}
		}
	}
	return fires, rests
}

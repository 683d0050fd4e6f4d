package main

import (
	"slices"
	"testing"
)

// Whoever is timed right after another finds the machine as that has left it: all
// are there in each round, each is the first once, and none has the same one
// before it in all rounds.
func TestInTurn(t *testing.T) {
	lanes := make([]*lane, 4)
	for i := range lanes {
		lanes[i] = &lane{}
	}
	first, before := map[*lane]int{}, map[*lane]map[*lane]bool{}
	for round := range lanes {
		order := inTurn(lanes, round)
		first[order[0]]++
		for i, l := range order {
			if !slices.Contains(lanes, l) || slices.Index(order, l) != i {
				t.Fatalf("round %d: not all lanes are there, once each", round)
			}
			if i == 0 {
				continue
			}
			if before[l] == nil {
				before[l] = map[*lane]bool{}
			}
			before[l][order[i-1]] = true
		}
	}
	for i, l := range lanes {
		if first[l] != 1 {
			t.Errorf("lane %d is the first in %d rounds, want 1", i, first[l])
		}
		if len(before[l]) < 2 {
			t.Errorf("lane %d has always the same one before it", i)
		}
	}
}

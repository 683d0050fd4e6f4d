package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// dayHour is what the test of a simulated day prints of an hour.
var dayHour = regexp.MustCompile(`hour +\d+: .* ([\d.]+) MiB resident`)

// day lets Tocsin's own test simulate a day, and measures how flat its memory is.
func (b *bench) day(ctx context.Context, round int, _ []contestant) error {
	out, err := goTest(ctx, "./cmd/tocsin", "-run=^TestMemoryIsFlat$", "-v", fmt.Sprintf("-hours=%d", b.form.dayHours))
	if err != nil {
		return err
	}
	return b.addDay(round, out)
}

// addDay compares the peaks of memory in the two halves of the day.
func (b *bench) addDay(round int, out []byte) error {
	var hours []float64
	for _, m := range dayHour.FindAllSubmatch(out, -1) {
		mib, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			return fmt.Errorf("read simulated day: %w", err)
		}
		hours = append(hours, mib)
	}
	if len(hours) != b.form.dayHours {
		return fmt.Errorf("the simulated day has %d hours, want %d", len(hours), b.form.dayHours)
	}
	half := len(hours) / 2
	b.results.set(measureFlat, b.contestants[0].name, round, slices.Max(hours[half:])/slices.Max(hours[:half]))
	return nil
}

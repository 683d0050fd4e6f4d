package main

import (
	"fmt"
	"math"
)

// valueCell is the median of the rounds, with the least and the most.
func valueCell(values []float64, format func(float64) string) string {
	s := spreadOf(values)
	switch s.n {
	case 0:
		return ""
	case 1:
		return format(s.median)
	}
	return fmt.Sprintf("%s (%s – %s)", format(s.median), format(s.min), format(s.max))
}

// ratioCell is the same of ratios.
func ratioCell(ratios []float64) string {
	return valueCell(ratios, ratio)
}

// ratio has two digits that count.
func ratio(v float64) string {
	if v >= 10 {
		return fmt.Sprintf("%.0f", v)
	}
	return digits(v, 2)
}

// fraction is a ratio; a small one is a fraction.
func fraction(v float64) string {
	if v > 0 && v < .1 {
		return fmt.Sprintf("1/%.0f", 1/v)
	}
	return ratio(v)
}

// percent is a part of a whole.
func percent(v float64) string { return digits(v*100, 2) + " %" }

// size is a number of bytes.
func size(v float64) string {
	for _, u := range []struct {
		name string
		unit float64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if v >= u.unit {
			return digits(v/u.unit, 3) + " " + u.name
		}
	}
	return fmt.Sprintf("%.0f B", v)
}

// duration is a number of seconds.
func duration(v float64) string {
	switch {
	case v >= 1:
		return digits(v, 3) + " s"
	case v >= 1e-3:
		return digits(v*1e3, 3) + " ms"
	}
	return digits(v*1e6, 3) + " µs"
}

// digits writes a positive number with n digits that count.
func digits(v float64, n int) string {
	if v <= 0 {
		return "0"
	}
	decimals := n - 1 - int(math.Floor(math.Log10(v)))
	return fmt.Sprintf("%.*f", max(0, decimals), v)
}

// count is a round number of things.
func count(v float64) string {
	if v >= 1000 {
		return fmt.Sprintf("%.0fk", v/1000)
	}
	return fmt.Sprintf("%.0f", v)
}

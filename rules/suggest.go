package rules

import "strings"

// Nearest returns the candidate that name is most likely a slip of, or nothing
// when none is near. The first of equals wins.
func Nearest(name string, candidates []string) string {
	const longest = 64 // longer names are no slips, and the distance is quadratic
	if len(name) < 2 || len(name) > longest {
		return ""
	}
	best, guess := max(1, len(name)/3)+1, ""
	for _, c := range candidates {
		if d := distance(name, c); d < best {
			best, guess = d, c
		}
	}
	if guess != "" {
		return guess
	}
	for _, c := range candidates {
		if len(name) >= 3 && (strings.HasPrefix(c, name) || len(c) >= 3 && strings.HasPrefix(name, c)) {
			return c
		}
	}
	return ""
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour to turn a into b. Case does not count.
func distance(a, b string) int {
	x, y := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	before, last := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row := make([]int, len(y)+1)
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(y)]
}

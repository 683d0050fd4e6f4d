package history

import "time"

// AxisStep is the least round step of which at most n are in a span of time.
func AxisStep(span time.Duration, n int) time.Duration {
	const day = 24 * time.Hour
	for _, step := range []time.Duration{
		time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 2 * day, 7 * day, 28 * day,
	} {
		if span <= time.Duration(n)*step {
			return step
		}
	}
	return span / time.Duration(n)
}

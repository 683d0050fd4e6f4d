package notify

import "time"

const (
	// firstBackoff bounds the wait after the first failure.
	firstBackoff = time.Second
	// backoffGrowth is by how much each further failure raises the bound.
	backoffGrowth = 8
)

// backoff returns how long to wait after that many failures in a row. After the
// first the wait is anywhere below a bound, then anywhere in the upper half of one
// that grows with each failure up to longest. A fleet is to come back evenly when its
// Alertmanager does: waits that double are short for long, and bring back within the
// first seconds most of the hosts that have failed in the last minute. r is a random
// number in [0,1).
func backoff(failures int, longest time.Duration, r float64) time.Duration {
	bound := min(firstBackoff, longest)
	if failures == 1 {
		return time.Duration(r * float64(bound))
	}
	for range failures - 1 {
		if bound >= longest/backoffGrowth {
			bound = longest
			break
		}
		bound *= backoffGrowth
	}
	return bound/2 + time.Duration(r*float64(bound/2))
}

package notify

import "time"

// firstBackoff bounds the wait after the first failure.
const firstBackoff = time.Second

// backoff returns how long to wait after that many failures in a row. The wait
// is anywhere between zero and a bound that doubles with each failure up to
// longest: full jitter, so that a site's hosts do not come back all at once
// when their uplink does. r is a random number in [0,1).
func backoff(failures int, longest time.Duration, r float64) time.Duration {
	bound := min(firstBackoff, longest)
	for range failures - 1 {
		if bound >= longest/2 {
			bound = longest
			break
		}
		bound *= 2
	}
	return time.Duration(r * float64(bound))
}

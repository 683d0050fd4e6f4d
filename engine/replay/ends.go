package replay

import (
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/value"
)

// markEnds puts a stale marker where a series was missing from a scrape: the one
// that should have brought its next sample, up to end.
func markEnds(list, up []series, end millis) {
	interval := scrapeInterval(up, 0).Milliseconds()
	for i := range list {
		s := &list[i]
		if interval == 0 || s.labels.Get("__name__") == "up" {
			continue
		}
		scrapes := scrapesOf(s, up)
		cadence := interval // or longer: that of the rule that recorded it
		if len(s.t) > 1 {
			cadence = max(cadence, shortestStep(s.t))
		}
		marked := samples{}
		for j, t := range s.t {
			marked.add(t, s.v[j], nil)
			next := end + 1
			if j+1 < len(s.t) {
				next = s.t[j+1]
			}
			k, _ := slices.BinarySearch(scrapes, t+cadence-interval/2)
			if k < len(scrapes) && scrapes[k] > t && scrapes[k] < next {
				marked.add(scrapes[k], math.Float64frombits(value.StaleNaN), nil)
			}
		}
		s.samples = marked
	}
}

// scrapesOf are the times of the scrapes of the target that a series is of, or of
// all targets if it bears the labels of none.
func scrapesOf(s *series, up []series) []millis {
	var all []millis
	for _, u := range up {
		if u.labels.Get("job") == s.labels.Get("job") && u.labels.Get("instance") == s.labels.Get("instance") {
			return u.t
		}
		all = append(all, u.t...)
	}
	slices.Sort(all)
	return all
}

func shortestStep(t []millis) millis {
	shortest := t[1] - t[0]
	for i := 2; i < len(t); i++ {
		shortest = min(shortest, t[i]-t[i-1])
	}
	return shortest
}

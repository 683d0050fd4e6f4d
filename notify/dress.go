package notify

import (
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
)

// dress is how alerts are labelled for a receiver. It is immutable.
type dress struct {
	external labels.Labels
	relabel  []*relabel.Config // of all alerts, then of those for the receiver
}

// labels are those that an Alertmanager gets, and knows the alert by. ok is false if it
// is not to hear of the alert at all.
func (d *dress) labels(given labels.Labels) (ls labels.Labels, ok bool) {
	b := labels.NewBuilder(wellFormed(given))
	d.external.Range(func(l labels.Label) {
		if b.Get(l.Name) == "" {
			b.Set(l.Name, l.Value)
		}
	})
	if len(d.relabel) == 0 {
		return b.Labels(), true
	}
	if !relabel.ProcessBuilder(b, d.relabel...) {
		return labels.EmptyLabels(), false
	}
	ls = wellFormed(b.Labels())
	return ls, !ls.IsEmpty()
}

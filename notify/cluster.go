package notify

import (
	"slices"
	"sync"
	"time"

	"github.com/tocsin/tocsin/alert"
)

const (
	// rejoinTime is how long an Alertmanager that was away may take to find the other
	// members of its cluster: it looks for them every 10 s.
	rejoinTime = 30 * time.Second
	// rejoinCheck is how often it is asked meanwhile whether it has.
	rejoinCheck = 2 * time.Second
	// maxPeers bounds the members that are remembered of one Alertmanager.
	maxPeers = 64
)

// clusters is which Alertmanagers are members of one cluster. What one of them was
// told in time, people are notified of, so that no other needs to report it late.
// Any goroutine may call its methods.
type clusters struct {
	mu      sync.Mutex
	members map[*sender]membership // guarded by mu
}

// membership is what an Alertmanager says of its cluster. It goes for one process:
// names are new with each.
type membership struct {
	name  string
	peers []string // all that were seen: who is cut off has the same receivers still
}

func newClusters() *clusters { return &clusters{members: make(map[*sender]membership)} }

// heard takes note of an answer. The name is empty if there is no cluster.
func (c *clusters) heard(s *sender, name string, peers []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	is := c.members[s]
	if is.name != name {
		is = membership{name: name}
	}
	for _, p := range peers {
		if name != "" && !slices.Contains(is.peers, p) && len(is.peers) < maxPeers {
			is.peers = append(is.peers, p)
		}
	}
	c.members[s] = is
}

// others are all other Alertmanagers.
func (c *clusters) others(s *sender) []*sender {
	c.mu.Lock()
	defer c.mu.Unlock()
	others := make([]*sender, 0, len(c.members))
	for o := range c.members {
		if o != s {
			others = append(others, o)
		}
	}
	return others
}

// mates are those of the same cluster; clustered tells whether there may be some.
func (c *clusters) mates(s *sender) (mates map[*sender]bool, clustered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	is, mates := c.members[s], make(map[*sender]bool)
	for o, other := range c.members {
		if o != s && (slices.Contains(is.peers, other.name) || slices.Contains(other.peers, is.name)) {
			mates[o] = true
		}
	}
	return mates, is.name != ""
}

// spareLate gives up late reports of what other members of the cluster were told in
// time. Who was told is noted while the Alertmanager is away, as that is forgotten;
// whether it is of the same cluster is known when it is back.
func (s *sender) spareLate(now time.Time) {
	reports := s.outbox.lateReports()
	if len(reports) == 0 {
		return
	}
	for _, o := range s.clusters.others(s) {
		for i := range reports {
			if o.outbox.knew(reports[i].key, reports[i].last) {
				reports[i].knew = append(reports[i].knew, o)
			}
		}
	}
	mates, clustered := s.clusters.mates(s)
	joining := clustered && !s.contact.since.IsZero() && now.Sub(s.contact.since) < rejoinTime
	s.outbox.spare(reports, mates, joining)
}

// lateReport is a late report that is due, and who knew of it in time.
type lateReport struct {
	key  uint64
	last time.Time // when the last of its incidents began
	knew []*sender
}

// lateReports are those that are due.
func (o *outbox) lateReports() (rs []lateReport) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for el := o.order.Front(); el != nil; el = el.Next() {
		if a := el.Value.(*account); a.missed.count > 0 && a.until.IsZero() {
			rs = append(rs, lateReport{key: a.latest.key, last: a.missed.last})
		}
	}
	return rs
}

// knew tells whether the Alertmanager took in that an incident fires, has not been
// restarted since, and is owed no late report itself.
func (o *outbox) knew(key uint64, startsAt time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if a := o.index[key]; a != nil && (!a.untold.none() || a.missed.count > 0 && a.until.IsZero()) {
		return false
	}
	t := o.taken[key]
	return t.fired && t.refusal == "" && t.startsAt == startsAt.UnixMilli()
}

// spare gives up the reports of what a mate knew. Where somebody knew who may be one,
// the report waits until the Alertmanager has had time to join its cluster.
func (o *outbox) spare(rs []lateReport, mates map[*sender]bool, joining bool) {
	o.mu.Lock()
	defer o.unlock()
	for _, r := range rs {
		a := o.index[r.key]
		if a == nil || a.missed.count == 0 || !a.until.IsZero() || !a.missed.last.Equal(r.last) {
			continue
		}
		for _, s := range r.knew {
			if !slices.Contains(a.missed.knew, s) {
				a.missed.knew = append(a.missed.knew, s)
			}
		}
		a.missed.waits = joining && len(a.missed.knew) > 0
		if slices.ContainsFunc(a.missed.knew, func(s *sender) bool { return mates[s] }) {
			o.receipt(a.missed.fp, a.missed.last, alert.ToldNever, time.Time{})
			a.missed = missed{}
		}
	}
}

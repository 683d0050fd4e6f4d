package notify

import (
	"context"
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
	members map[string]membership // by the sender's name; guarded by mu
}

// membership is what an Alertmanager says of its cluster. It goes for one process:
// names are new with each.
type membership struct {
	sender *sender
	name   string   // empty if there is no cluster
	peers  []string // all that were seen: who is cut off has the same receivers still
}

func newClusters() *clusters { return &clusters{members: make(map[string]membership)} }

// enter takes up an Alertmanager of which nothing is known.
func (c *clusters) enter(s *sender) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members[s.name] = membership{sender: s}
}

// leave forgets one that is told nothing any more.
func (c *clusters) leave(s *sender) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.members, s.name)
}

// heard takes note of an answer.
func (c *clusters) heard(s *sender, id identity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	is, known := c.members[s.name]
	if !known {
		return // it has left
	}
	if is.name != id.name {
		is.name, is.peers = id.name, nil
	}
	for _, p := range id.peers {
		if id.name != "" && p != "" && !slices.Contains(is.peers, p) && len(is.peers) < maxPeers {
			is.peers = append(is.peers, p)
		}
	}
	c.members[s.name] = is
}

// others are all other Alertmanagers.
func (c *clusters) others(s *sender) []*sender {
	c.mu.Lock()
	defer c.mu.Unlock()
	others := make([]*sender, 0, len(c.members))
	for name, o := range c.members {
		if name != s.name {
			others = append(others, o.sender)
		}
	}
	return others
}

// mates are the names of those of the same cluster; clustered tells whether there may
// be some.
func (c *clusters) mates(s *sender) (mates map[string]bool, clustered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	is, mates := c.members[s.name], make(map[string]bool)
	for name, o := range c.members {
		if name != s.name && (slices.Contains(is.peers, o.name) || slices.Contains(o.peers, is.name)) {
			mates[name] = true
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
				reports[i].knew = append(reports[i].knew, o.name)
			}
			if o.status.Load().Failures > 0 && o.outbox.mayNotNotify(reports[i].key, reports[i].last) {
				reports[i].silent = append(reports[i].silent, o.name)
			}
		}
	}
	mates, clustered := s.clusters.mates(s)
	joining := clustered && !s.contact.since.IsZero() && now.Sub(s.contact.since) < rejoinTime
	s.outbox.spare(reports, mates, joining)
}

// waitToJoin is wait while all that is left waits for the Alertmanager to join its
// cluster.
func (s *sender) waitToJoin(ctx context.Context) bool {
	s.contact.doubt = true // has it?
	again := time.NewTimer(rejoinCheck)
	defer again.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-s.outbox.work:
	case <-again.C:
	}
	return ctx.Err() == nil
}

// lateReport is a late report that is due, and who knew of it in time.
type lateReport struct {
	key  uint64
	last time.Time // when the last of its incidents began
	knew []string  // by name
	// silent are those that went away so soon that they may not have notified.
	silent []string
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
// restarted since, and needs no late report itself.
func (o *outbox) knew(key uint64, startsAt time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if a := o.index[key]; a != nil && (!a.untold.none() || a.missed.count > 0) {
		return false
	}
	t := o.taken[key]
	return t.fired && t.refusal == "" && t.startsAt == startsAt.UnixMilli()
}

// mayNotNotify tells whether the Alertmanager was told of an incident and has not been
// heard of for long enough since to have notified of it.
func (o *outbox) mayNotNotify(key uint64, startsAt time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	a := o.index[key]
	return a != nil && !a.told.none() && a.told.startsAt.Equal(startsAt)
}

// spare gives up the reports of what a mate knew. Where somebody knew who may be one,
// the report waits until the Alertmanager has had time to join its cluster.
func (o *outbox) spare(rs []lateReport, mates map[string]bool, joining bool) {
	o.mu.Lock()
	defer o.unlock()
	for _, r := range rs {
		a := o.index[r.key]
		if a == nil || a.missed.count == 0 || !a.until.IsZero() || !a.missed.last.Equal(r.last) {
			continue
		}
		for _, name := range r.knew {
			if !slices.Contains(a.missed.knew, name) {
				a.missed.knew = append(a.missed.knew, name)
			}
		}
		a.missed.waits = joining && len(a.missed.knew) > 0
		if slices.ContainsFunc(a.missed.knew, func(name string) bool { return mates[name] && !slices.Contains(r.silent, name) }) {
			o.receipt(a.missed.fp, a.missed.last, alert.ToldNever, time.Time{})
			a.missed = missed{}
		}
	}
}

// shareLate has the other members of the cluster told of what was just reported late.
// One that took it to be over would notify so, and then the others again that it fires,
// in turns until the report has ended.
func (s *sender) shareLate(batch []parcel, now time.Time) {
	var late []parcel
	for _, p := range batch {
		if p.late() {
			late = append(late, p)
		}
	}
	if len(late) == 0 {
		return
	}
	mates, _ := s.clusters.mates(s)
	for _, o := range s.clusters.others(s) {
		if mates[o.name] {
			o.overflowing(o.outbox.alsoLate(late), now)
		}
	}
}

// alsoLate lines up late reports of alerts that are over here, and returns how many
// others it dropped for want of room.
func (o *outbox) alsoLate(ps []parcel) (dropped int) {
	o.mu.Lock()
	for _, p := range ps {
		a := o.account(p.key)
		if a.missed.count > 0 || a.latest != nil && (!a.latest.note.Resolved || a.latest.note.StartsAt.After(p.missed.last)) {
			continue
		}
		a.latest, a.missed, a.until = p.message, p.missed, time.Time{}
		dropped += o.lineUp(a)
	}
	o.unlock()
	o.signal()
	return dropped
}

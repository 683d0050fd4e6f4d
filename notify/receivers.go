package notify

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/prometheus/discovery/targetgroup"
)

const (
	// OriginSetting is the Origin of an Alertmanager that a setting names.
	OriginSetting = "setting"
	// Undiscovered is who is told while discovery has found nobody yet: what it is owed
	// goes to those who are found first. It is in Status with this for its URL.
	Undiscovered = "undiscovered"
	// lostKept is how long an Alertmanager is kept, and sent to, that discovery has
	// lost: names resolve to nothing for a while, and containers are restarted.
	lostKept = time.Hour
	// maxLost bounds those: one that finds no rest has another address each time.
	maxLost = 32
	// nowhere is the place of one that belongs to no section.
	nowhere = 1 << 30
)

// reconcile makes the receivers those that there are to be. Called with mu held.
func (n *Notifier) reconcile(now time.Time) {
	known := n.byName()
	targets := n.targets()
	wanted := make(map[*sender]bool, len(targets))
	var fresh []*sender
	remains := false
	for _, t := range targets {
		s := known[t.ep.name]
		if s == nil {
			s = n.newReceiver(t.ep.name)
			fresh = append(fresh, s)
		} else {
			remains = true
		}
		wanted[s] = true
		n.seat(s, t, now)
	}
	gone, kept := n.leaving(wanted, now)
	if len(targets)+len(kept) == 0 && n.mayBeFound() && (len(n.finders()) > 0 || known[Undiscovered] != nil) {
		if s := known[Undiscovered]; s != nil {
			gone = slices.DeleteFunc(gone, func(g *sender) bool { return g == s })
			n.redress(s, n.base, now)
		} else {
			n.log.Info("alerts wait until an Alertmanager is found")
			s = n.newReceiver(Undiscovered)
			s.dress = n.base
			fresh = append(fresh, s)
		}
	}
	stay := slices.DeleteFunc(n.senders, func(s *sender) bool { return slices.Contains(gone, s) })
	n.senders = slices.Concat(stay, fresh)
	n.arrange()
	var e estate
	inherited := len(fresh) > 0 && !remains
	if inherited {
		e.addAll(slices.Concat(gone, kept), now)
	} else if len(stay) > 0 {
		e.addAll(gone, now)
		e.overBefore(firstCame(stay).Add(n.opts.Ahead()))
		for _, s := range stay {
			n.restore(s, e.owed, now)
		}
	}
	n.welcome(fresh, e, now)
	n.dismiss(gone, inherited, now)
	n.startAll()
	n.count()
}

// leaving are those whom nobody shows: who goes now, and who is kept for a while.
// Called with mu held.
func (n *Notifier) leaving(wanted map[*sender]bool, now time.Time) (gone, kept []*sender) {
	for _, s := range n.senders {
		switch {
		case wanted[s]:
		case s.name != Undiscovered && n.keeps(s, now):
			kept = append(kept, s)
			n.redress(s, n.dressOf(s), now)
		default: // Undiscovered may be needed again
			gone = append(gone, s)
		}
	}
	slices.SortStableFunc(kept, func(a, b *sender) int { return b.lost.Compare(a.lost) })
	for len(kept) > maxLost && !kept[len(kept)-1].lost.IsZero() {
		gone, kept = append(gone, kept[len(kept)-1]), kept[:len(kept)-1]
	}
	return gone, kept
}

// targets are those who are to be there: settings first, then as in the file. Where two
// sections find the same one in different ways, the first has it. Called with mu held.
func (n *Notifier) targets() []target {
	var all []target
	for _, ep := range n.opts.Endpoints {
		all = append(all, target{access: access{ep: ep, timeout: n.opts.Timeout}, origin: OriginSetting})
	}
	if len(all) > 0 {
		n.metrics.found.WithLabelValues("ALERTMANAGER_URL").Set(float64(len(all)))
	}
	complaints := map[string]bool{}
	for _, s := range n.sections {
		found, problems := s.current()
		n.metrics.found.WithLabelValues(s.name).Set(float64(len(found)))
		for _, t := range found {
			if err := clash(all, t); err != nil {
				problems = append(problems, err.Error())
			}
			if !slices.ContainsFunc(all, t.same) {
				all = append(all, t)
			}
		}
		for _, p := range problems {
			complaints[s.name+": "+p] = true
		}
	}
	for _, c := range slices.Sorted(maps.Keys(complaints)) {
		if !n.complaints[c] {
			n.log.Error("an Alertmanager that was found is not used as it is configured", "problem", c)
		}
	}
	n.complaints = complaints
	return all
}

// seat gives a receiver its place, and whatever has changed about it. Called with mu
// held.
func (n *Notifier) seat(s *sender, t target, now time.Time) {
	switch {
	case !s.lost.IsZero():
		s.log.Info("alertmanager is found again", "lost_for", now.Sub(s.lost).Round(time.Second))
	case s.origin == "" && t.origin != OriginSetting:
		s.log.Info("alertmanager found", "by", t.origin)
	}
	s.origin, s.place, s.finder, s.remembered, s.lost = t.origin, -1, t.finder, false, time.Time{}
	d := n.base
	if t.section != nil {
		s.place, d = t.section.place, t.section.dress
	}
	if s.dress == nil {
		s.dress = d
	}
	n.redress(s, d, now)
	if s.access.ep.url == nil || !s.access.equal(t.access) {
		s.access = t.access
		s.connect(newClient(t.access, n.opts.Version, n.opts.RoundTripper))
	}
}

// keeps tells whether a receiver stays that nobody shows. Called with mu held.
func (n *Notifier) keeps(s *sender, now time.Time) bool {
	finders := n.finders()
	answered := !slices.ContainsFunc(finders, func(f *finder) bool { return !f.answered() })
	switch {
	case len(finders) == 0:
		return !n.configured
	case s.remembered && !answered:
		return true
	case !s.remembered && answered && !slices.Contains(finders, s.finder):
		return false // the configuration no longer has it
	}
	if s.lost.IsZero() {
		s.lost = now
		s.log.Warn("alertmanager is not discovered any more", "kept_for", lostKept)
	}
	return now.Sub(s.lost) < lostKept
}

// dressOf is that of the section by which a receiver was found; it keeps its own where
// the section has other discoveries now. Called with mu held.
func (n *Notifier) dressOf(s *sender) *dress {
	if s.access.ep.url == nil {
		return n.base
	}
	for _, section := range n.sections {
		if s.finder != nil && slices.Contains(section.finders, s.finder) {
			return section.dress
		}
	}
	return s.dress
}

// remember makes a receiver that only the process before knew. Called with mu held.
func (n *Notifier) remember(name string) *sender {
	s := n.newReceiver(name)
	s.remembered, s.dress = true, n.base
	n.senders = append(n.senders, s)
	return s
}

// arrange puts the receivers in their order, and tells who they are. Called with mu
// held.
func (n *Notifier) arrange() {
	slices.SortStableFunc(n.senders, func(a, b *sender) int {
		if c := cmp.Compare(a.place, b.place); c != 0 || a.place < 0 {
			return c
		}
		return cmp.Compare(a.name, b.name)
	})
	n.tellReceivers()
}

// welcome tells new receivers all that fires, and gives them what nobody was told.
// Called with mu held.
func (n *Notifier) welcome(fresh []*sender, e estate, now time.Time) {
	for _, s := range fresh {
		n.restore(s, e.owed, now)
		s.overflowing(s.outbox.greet(n.messages(s.dress, now), now), now)
	}
}

// dismiss ends receivers. Called with mu held.
func (n *Notifier) dismiss(gone []*sender, inherited bool, now time.Time) {
	for _, s := range gone {
		if s.cancel != nil {
			s.cancel()
		}
		n.clusters.leave(s)
		left := s.outbox.undelivered(now)
		if inherited {
			n.opts.Delivered(s.name, settled(left))
		}
		if s.name != Undiscovered {
			s.log.Warn("alertmanager is gone, nothing is sent there any more", "undelivered", len(left), "handed_over", inherited)
		}
		n.metrics.forget(s.name)
	}
}

// hear takes over what a discovery has found.
func (n *Notifier) hear(f *finder, groups []*targetgroup.Group) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if f.cancel == nil {
		return // it has been replaced
	}
	f.take(groups)
	n.reconcile(time.Now())
}

// startAll starts who and what does not run yet, if Run does. Called with mu held.
func (n *Notifier) startAll() {
	r := n.running
	if r == nil {
		return
	}
	for _, s := range n.senders {
		if s.cancel != nil || s.access.ep.url == nil {
			continue
		}
		ctx, cancel := context.WithCancel(r.ctx)
		sendCtx, cutOff := context.WithCancel(r.sendCtx)
		s.cancel = func() { cancel(); cutOff() }
		r.wg.Go(func() {
			defer cutOff()
			defer cancel()
			s.run(ctx, sendCtx)
		})
	}
	for _, f := range n.finders() {
		if f.cancel != nil {
			continue
		}
		ctx, cancel := context.WithCancel(r.ctx)
		f.cancel = cancel
		r.wg.Go(func() { f.run(ctx, func(groups []*targetgroup.Group) { n.hear(f, groups) }) })
	}
}

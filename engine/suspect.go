package engine

import (
	"time"
)

// trouble is why what storage shows of a target is no evidence.
type trouble int

const (
	fine trouble = iota
	// failed: the last scrape did. Whoever asks whether something is there, sees that
	// it is not.
	failed
	// unseen: nobody has looked, since the start or for too long. That says nothing to
	// anybody.
	unseen
)

// suspect is a target that may keep something from an evaluation, as it is known at a
// moment. It is immutable.
type suspect struct {
	Source
	trouble trouble
	// since is when the trouble began, begun the same by the time that the engine has
	// watched.
	since    time.Time
	begun    time.Duration
	unproven bool // it is unseen, and was not scraped since
	// was is the trouble before, which cleared is the number of the end of.
	was     trouble
	cleared uint64
	gaps    []gap
}

// during is its trouble in an evaluation: that of now, that of before which ended
// meanwhile, or that of the time which the evaluation is of.
func (s *suspect) during(in input) trouble {
	switch {
	case s.trouble != fine && in.watched-s.begun < in.holdLimit:
		return s.trouble
	case s.cleared > in.heard:
		return s.was
	}
	for _, g := range s.gaps {
		if !in.at.Before(g.from) && in.at.Before(g.to) {
			if g.unseen {
				return unseen
			}
			return failed
		}
	}
	return fine
}

// keepsFrom tells whether its trouble keeps anything from who reads this of it.
func (t trouble) keepsFrom(f fed, watchesAbsence bool) bool {
	return t == unseen && f.any || t == failed && f.data && !watchesAbsence
}

// troubled lists the targets whose trouble keeps something from an evaluation of a
// rule.
func (e *Engine) troubled(o *origin, watchesAbsence bool, in input) (out []*suspect) {
	for _, s := range e.roster.suspects() {
		if t := s.during(in); t != fine && t.keepsFrom(o.fedBy(s.Labels, s.Names), watchesAbsence) {
			out = append(out, s)
		}
	}
	return out
}

package cluster

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin/tocsin/test/internal/process"
)

// fault is what a scenario does to the cluster.
type fault struct {
	// begins breaks something, ends mends it.
	begins, ends func(s *site)
	// behind: some member hears nothing meanwhile, or late; deaf: none hears anything.
	behind, deaf bool
	// again are incidents of which the members may notify more than once by themselves,
	// whoever told them. One that was away, or has restarted, flushes its groups at other
	// times than the others, and may be about to say of an incident that it fires when
	// the news comes that it is over; one that does not hear of the others goes by what
	// it was told itself.
	again []string
	// late are incidents that may be reported late although people know, because
	// nobody can tell whether they do. Their end may be told only after the late
	// report.
	late []string
}

// across are the incidents that are there when the fault begins or ends; apart are
// also those within it, for members that hear of them and not of each other.
var (
	across = []string{"into", "over", "through", "out-of"}
	apart  = append([]string{"inside", "after-kill"}, across...)
)

// turns is longer than all members take to have their turn with what one of them has
// notified of.
const turns = 4 * time.Second

// play has incidents begin and end before, in and after a fault, in each order that
// there is, with a tocsin that is killed in the middle of it or is not.
func (f fault) play(t *testing.T, kill bool) {
	t.Parallel()
	s := startSite(t)
	s.begin("into", "over", "through")
	s.notified("firing", "into", "over", "through")
	s.whole("before")
	process.Stays(t, turns, "before the fault", func() error {
		if problems := s.repeated(fault{}); len(problems) > 0 {
			return errors.New(strings.Join(problems, "\n"))
		}
		return nil
	})

	f.begins(s)
	s.begin("out-of", "inside")
	s.end("into", false)
	if !f.deaf {
		s.notified("firing", "out-of", "inside")
		s.notified("resolved", "into")
	}
	s.end("inside", f.deaf)
	if !f.deaf {
		s.notified("resolved", "inside")
	}
	if kill {
		s.killInside(f)
	}
	f.ends(s)

	s.settled()
	s.whole("after")
	for _, in := range s.target.all() {
		if in.ended.IsZero() && in.name != "through" {
			s.end(in.name, false)
			if !slices.Contains(f.late, in.name) {
				s.notified("resolved", in.name)
			}
		}
	}
	s.whole("at last")
	s.judge(f)
}

// killInside kills tocsin, and has an incident end and another come and go for the
// next one.
func (s *site) killInside(f fault) {
	s.t.Helper()
	s.tocsin.restart()
	s.begin("after-kill")
	s.end("over", false)
	if !f.deaf {
		s.notified("firing", "after-kill")
		s.notified("resolved", "over")
	}
	s.end("after-kill", f.deaf)
	if !f.deaf {
		s.notified("resolved", "after-kill")
	}
}

// whole is an incident from begin to end while all is well.
func (s *site) whole(name string) {
	s.t.Helper()
	s.begin(name)
	s.notified("firing", name)
	s.end(name, false)
	s.notified("resolved", name)
}

package cluster

import (
	"testing"
	"time"
)

// fault is what a scenario does to the cluster.
type fault struct {
	name string
	// begins breaks something, ends mends it.
	begins, ends func(s *site)
	// deaf: no member hears anything meanwhile.
	deaf bool
}

// quiet is how long the cluster is watched for notifications that nobody needs: a
// few group_intervals, and the turns of all members.
const quiet = 15 * time.Second

// play has incidents begin and end before, in and after a fault, in each order that
// there is, with a tocsin that is killed in the middle of it or is not.
func (f fault) play(t *testing.T, kill bool) {
	t.Parallel()
	s := startSite(t)
	s.begin("into", "over", "through")
	s.notified("firing", "into", "over", "through")
	s.whole("before")

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
		s.tocsin.restart()
		s.begin("after-kill")
		s.end("over", false)
		if !f.deaf {
			s.notified("firing", "after-kill")
			s.notified("resolved", "over")
		}
		s.end("after-kill", f.deaf)
	}
	f.ends(s)

	s.settled()
	s.whole("after")
	for _, in := range s.target.all() {
		if in.ended.IsZero() && in.name != "through" {
			s.notified("firing", in.name)
			s.end(in.name, false)
		}
	}
	s.whole("at last")
	s.judge(quiet)
}

// whole is an incident from begin to end while all is well.
func (s *site) whole(name string) {
	s.t.Helper()
	s.begin(name)
	s.notified("firing", name)
	s.end(name, false)
	s.notified("resolved", name)
}

func both(t *testing.T, f fault) {
	t.Run("tocsin stays", func(t *testing.T) { f.play(t, false) })
	t.Run("tocsin is killed", func(t *testing.T) { f.play(t, true) })
}

func nothing(*site) {}

func TestSteady(t *testing.T) { t.Parallel(); both(t, fault{begins: nothing, ends: nothing}) }

func TestMemberIsStopped(t *testing.T) {
	t.Parallel()
	both(t, fault{
		begins: func(s *site) { s.members["c"].stop() },
		ends:   func(s *site) { s.members["c"].start() },
	})
}

func TestMemberIsCutOff(t *testing.T) {
	t.Parallel()
	both(t, fault{
		begins: func(s *site) { s.cut("c") },
		ends:   func(s *site) { s.join("c") },
	})
}

func TestTwoMembersAreCutOff(t *testing.T) {
	t.Parallel()
	both(t, fault{
		begins: func(s *site) { s.cut("a", "c") },
		ends:   func(s *site) { s.join("a", "c") },
	})
}

func TestMemberRestartsEmpty(t *testing.T) {
	t.Parallel()
	both(t, fault{
		begins: func(s *site) { s.members["c"].wipe() },
		ends:   func(s *site) { s.members["c"].start() },
	})
}

func TestMemberHangs(t *testing.T) {
	t.Parallel()
	both(t, fault{
		begins: func(s *site) { s.members["c"].freeze() },
		ends:   func(s *site) { s.members["c"].thaw() },
	})
}

func TestSplit(t *testing.T) {
	t.Parallel()
	both(t, fault{
		begins: func(s *site) { s.split("c", "a", "b") },
		ends:   func(s *site) { s.unite("c", "a", "b") },
	})
}

func TestSplitOnTheSmallerSide(t *testing.T) {
	t.Parallel()
	both(t, fault{
		begins: func(s *site) { s.split("c", "a", "b"); s.split("tocsin", "a", "b") },
		ends:   func(s *site) { s.unite("c", "a", "b"); s.unite("tocsin", "a", "b") },
	})
}

func TestAllMembersAreGone(t *testing.T) {
	t.Parallel()
	both(t, fault{
		begins: func(s *site) {
			for _, m := range s.members {
				m.stop()
			}
		},
		ends: func(s *site) {
			for _, m := range s.members {
				m.start()
			}
		},
		deaf: true,
	})
}

func TestRollingRestart(t *testing.T) {
	t.Parallel()
	both(t, fault{
		begins: func(s *site) {
			for _, name := range memberNames {
				s.members[name].stop()
				s.members[name].start()
				s.settled()
			}
		},
		ends: nothing,
	})
}

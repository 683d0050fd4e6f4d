package cluster

import (
	"slices"
	"testing"
)

// both plays a fault without and with a tocsin that is killed in the middle of it.
func both(t *testing.T, f fault) {
	t.Parallel()
	t.Run("tocsin stays", func(t *testing.T) { f.play(t, false) })
	t.Run("tocsin is killed", func(t *testing.T) { f.forgetful().play(t, true) })
}

// forgetful is the fault for a tocsin that was killed, and does not know any more that
// other members were told in time of what came and went before.
func (f fault) forgetful() fault {
	if f.behind {
		f.late = append(slices.Clone(f.late), "inside")
	}
	return f
}

func TestSteady(t *testing.T) {
	both(t, fault{begins: func(*site) {}, ends: func(*site) {}})
}

func TestMemberIsStopped(t *testing.T) {
	both(t, fault{
		begins: func(s *site) { s.members["c"].stop() },
		ends:   func(s *site) { s.members["c"].start() },
		behind: true, again: across,
	})
}

func TestMemberRestartsEmpty(t *testing.T) {
	both(t, fault{
		begins: func(s *site) { s.members["c"].wipe() },
		ends:   func(s *site) { s.members["c"].start() },
		behind: true, again: across,
	})
}

func TestMemberIsCutOff(t *testing.T) {
	both(t, fault{
		begins: func(s *site) { s.cut("c") },
		ends:   func(s *site) { s.join("c") },
		behind: true, again: apart,
	})
}

func TestTwoMembersAreCutOff(t *testing.T) {
	both(t, fault{
		begins: func(s *site) { s.cut("a", "c") },
		ends:   func(s *site) { s.join("a", "c") },
		behind: true, again: apart,
	})
}

// A member that hangs accepts connections, and reads when it goes on what nobody
// waits to have read any more.
func TestMemberHangs(t *testing.T) {
	both(t, fault{
		begins: func(s *site) { s.members["c"].freeze() },
		ends:   func(s *site) { s.members["c"].thaw() },
		behind: true, again: apart,
	})
}

func TestMemberIsSlow(t *testing.T) {
	both(t, fault{
		begins: func(s *site) { s.slow(slowness) },
		ends:   func(s *site) { s.slow(0) },
		behind: true, again: apart,
	})
}

// Each part of a cluster that is split notifies of all that it hears.
func TestSplit(t *testing.T) {
	both(t, fault{
		begins: func(s *site) { s.split("c", "a", "b") },
		ends:   func(s *site) { s.unite("c", "a", "b") },
		again:  apart,
	})
}

func TestSplitOnTheSmallerSide(t *testing.T) {
	both(t, fault{
		begins: func(s *site) { s.split("c", "a", "b"); s.split("tocsin", "a", "b") },
		ends:   func(s *site) { s.unite("c", "a", "b"); s.unite("tocsin", "a", "b") },
		behind: true, again: apart,
	})
}

// Nobody can tell whether members that are gone have notified of what they were told
// of shortly before.
func TestAllMembersAreGone(t *testing.T) {
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
		deaf: true, late: append([]string{"before", "inside", "after-kill"}, across...),
	})
}

// The last of the members to restart knows what none of the others does any more.
func TestRollingRestart(t *testing.T) {
	both(t, fault{
		begins: func(s *site) {
			for _, name := range memberNames {
				s.members[name].stop()
				s.members[name].start()
				s.settled()
			}
		},
		ends:  func(*site) {},
		again: across, late: []string{"before"},
	})
}

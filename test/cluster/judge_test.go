package cluster

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tocsin/tocsin/test/internal/process"
)

// judge compares what people were notified of with what there was, and with what
// the cluster made of the same incidents for the control sender. Nobody is to be
// notified of anything for a while after all is over.
func (s *site) judge(quiet time.Duration) {
	s.t.Helper()
	problems := func() error {
		if all := s.problems(); len(all) > 0 {
			return fmt.Errorf("%s", strings.Join(all, "\n"))
		}
		return nil
	}
	process.Stays(s.t, quiet, "notifications", problems)
	for _, sender := range []string{"tocsin", "control"} {
		s.t.Logf("%s: %d notifications too many", sender, len(s.spare(sender)))
	}
}

// problems is all that is wrong with the notifications so far.
func (s *site) problems() (all []string) {
	for _, n := range s.webhook.all() {
		in, was := s.target.incident(n.incident())
		switch {
		case n.sender() != "tocsin":
		case !was || n.at.Before(in.began):
			all = append(all, fmt.Sprintf("there was no such incident: %s", n))
		case n.Status == "resolved" && (in.ended.IsZero() || n.at.Before(in.ended)):
			all = append(all, fmt.Sprintf("it was not over: %s", n))
		}
	}
	for _, in := range s.target.all() {
		firing := s.webhook.told("tocsin", in.name, "firing")
		resolved := s.webhook.told("tocsin", in.name, "resolved")
		switch {
		case len(firing) == 0:
			all = append(all, fmt.Sprintf("nobody was notified of incident %s", in.name))
		case in.unheard && firing[0].late() == "":
			all = append(all, fmt.Sprintf("nobody was told that this is over: %s", firing[0]))
		case !in.unheard && !in.ended.IsZero() && len(resolved) == 0:
			all = append(all, fmt.Sprintf("nobody was notified of the end of incident %s", in.name))
		}
		for i, n := range firing {
			if n.late() != "" && (i > 0 || !in.unheard) {
				all = append(all, fmt.Sprintf("reported late, and people knew: %s", n))
			}
		}
	}
	if ours, theirs := s.spare("tocsin"), s.spare("control"); len(ours) > len(theirs) {
		all = append(all, fmt.Sprintf("%d notifications too many, %d of Prometheus's:", len(ours), len(theirs)))
		for _, n := range slices.Concat(ours, theirs) {
			all = append(all, n.String())
		}
	}
	return all
}

// spare are the notifications of a sender's incidents that say what people were
// told before.
func (s *site) spare(sender string) (spare []notice) {
	for _, in := range s.target.all() {
		for _, status := range []string{"firing", "resolved"} {
			if told := s.webhook.told(sender, in.name, status); len(told) > 1 {
				spare = append(spare, told[1:]...)
			}
		}
	}
	return spare
}

package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tocsin/tocsin/test/internal/process"
)

// quiet is how long the cluster is watched for notifications that nobody needs: a
// few group_intervals, and the turns of all members.
const quiet = 9 * time.Second

// judge compares what people were notified of with what there was, and with what
// the cluster made of the same incidents for the control sender. Nobody is to be
// notified of anything for a while after all is over.
func (s *site) judge(f fault) {
	s.t.Helper()
	process.Stays(s.t, quiet, "notifications", func() error {
		problems := slices.Concat(s.untrue(), s.unsaid(f), s.repeated(f))
		if len(problems) == 0 {
			return nil
		}
		return errors.New(strings.Join(problems, "\n"))
	})
	for _, sender := range []string{"tocsin", "control"} {
		s.t.Logf("said again of %s: %v", sender, s.again(sender))
	}
}

// untrue are notifications of what there was not.
func (s *site) untrue() (problems []string) {
	for _, n := range s.webhook.all() {
		in, was := s.target.incident(n.incident())
		switch {
		case n.sender() != "tocsin":
		case !was || n.at.Before(in.began):
			problems = append(problems, fmt.Sprintf("there was no such incident: %s", n))
		case n.Status == "resolved" && (in.ended.IsZero() || n.at.Before(in.ended)):
			problems = append(problems, fmt.Sprintf("it was not over: %s", n))
		}
	}
	return problems
}

// unsaid is what people were not notified of.
func (s *site) unsaid(f fault) (problems []string) {
	for _, in := range s.target.all() {
		firing := s.webhook.told("tocsin", in.name, "firing")
		resolved := s.webhook.told("tocsin", in.name, "resolved")
		switch {
		case len(firing) == 0:
			problems = append(problems, "nobody was notified of incident "+in.name)
		case in.unheard && firing[0].late() == "":
			problems = append(problems, fmt.Sprintf("nobody was told that this is over: %s", firing[0]))
		case !in.ended.IsZero() && len(resolved) == 0 && !slices.Contains(f.late, in.name):
			problems = append(problems, "nobody was notified of the end of incident "+in.name)
		}
	}
	return problems
}

// repeated are notifications that say again what people know, and that the members
// have not made of themselves.
func (s *site) repeated(f fault) (problems []string) {
	ours, theirs := s.again("tocsin"), s.again("control")
	for _, in := range s.target.all() {
		if n := len(ours[in.name]); n > len(theirs[in.name]) && !slices.Contains(f.again, in.name) && !slices.Contains(f.late, in.name) {
			problems = append(problems, fmt.Sprintf("%d notifications too many, %d of the control's: %v", n, len(theirs[in.name]), ours[in.name]))
		}
		late := slices.DeleteFunc(ours[in.name], func(n notice) bool { return n.late() == "" })
		switch {
		case len(late) > 0 && !slices.Contains(f.late, in.name):
			problems = append(problems, fmt.Sprintf("reported late, and people knew: %v", late))
		case len(late) > len(memberNames) && !f.deaf: // they contradict each other
			problems = append(problems, fmt.Sprintf("reported late again and again: %v", late))
		}
	}
	return problems
}

// again are the notifications of a sender's incidents, by their names, that say what
// people were told before.
func (s *site) again(sender string) map[string][]notice {
	again := map[string][]notice{}
	for _, in := range s.target.all() {
		for _, status := range []string{"firing", "resolved"} {
			if told := s.webhook.told(sender, in.name, status); len(told) > 1 {
				again[in.name] = append(again[in.name], told[1:]...)
			}
		}
	}
	return again
}

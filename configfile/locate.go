package configfile

import (
	"regexp"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tocsin/tocsin/rules"
)

const (
	maxProblems = 20      // nobody reads on
	maxParts    = 50      // to be taken away one by one
	maxLoaded   = 4 << 20 // bytes to read again: a second or so
)

// locator finds the places of errors that name none: it takes parts away and
// looks whether the error goes with them.
type locator struct {
	*tree
	lines  []string // without the parts that were found to be bad
	loaded int      // bytes
	// gone are the parts that were taken out and that the reader may miss.
	gone []entry
}

// locate turns the reader's error, and those behind it, into problems.
func (t *tree) locate(err error) []rules.Problem {
	l := &locator{tree: t, lines: slices.Clone(t.lines)}
	var found []rules.Problem
	for err != nil && len(found) < maxProblems {
		if len(l.gone) > 0 && anchor.MatchString(message(err)) {
			break // the anchor went with what was taken out
		}
		before := l.lines
		more := l.typeErrors(err)
		if len(more) == 0 {
			e, ok := l.find(t.top(), message(err), l.lines)
			if !ok { // what is behind it stays hidden
				found = append(found, rules.Problem{File: t.path, Msg: words(message(err)), Hint: hint(message(err))})
				break
			}
			if parent, ours := l.missed(e); ours && lacking.MatchString(message(err)) {
				e = parent
			} else {
				more = append(more, l.problem(e, message(err)))
			}
			l.take(e)
		}
		found = append(found, more...)
		if slices.Equal(before, l.lines) {
			break
		}
		err = l.try(l.lines)
	}
	rules.SortProblems(found)
	return slices.CompactFunc(found, func(a, b rules.Problem) bool { return a.Pos == b.Pos && a.Msg == b.Msg })
}

// problem words what is wrong with an entry. An empty one in it is what the reader
// minds, or does not survive.
func (l *locator) problem(e entry, msg string) rules.Problem {
	in := place{e.path, e.key, e.value}
	empty := in
	if strings.HasPrefix(msg, errCrash.Error()) || strings.HasPrefix(msg, "empty or null") {
		l.below(in, func(p place) {
			if p.key == nil && isNull(p.value) {
				empty = p
			}
		})
	}
	if empty.key == nil && isNull(empty.value) {
		return rules.Problem{File: l.path, Pos: empty.pos(), Field: empty.path, Msg: emptyEntry, Hint: emptyHint}
	}
	p := rules.Problem{File: l.path, Pos: e.pos(), Field: e.path, Msg: words(msg), Hint: hint(msg)}
	l.narrow(&p, in)
	return p
}

// take takes a part out that the reader may miss.
func (l *locator) take(e entry) {
	l.lines = e.without(l.lines)
	l.gone = append(l.gone, e)
}

// missed tells whether an error in e may be there only because of what was taken
// out beside it or in it, and what to take out to be rid of it.
func (l *locator) missed(e entry) (entry, bool) {
	for _, g := range l.gone {
		if g.path == e.path || within(g.path, e.path) {
			return e, true
		}
		for up := g.parent; up != nil; up = up.parent {
			if e.parent != nil && up.path == e.parent.path && e.key != nil {
				return *e.parent, true
			}
		}
	}
	return entry{}, false
}

// within tells whether a path lies below another.
func within(path, above string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && rest != "" && (rest[0] == '.' || rest[0] == '[')
}

func (l *locator) try(lines []string) error {
	text := strings.Join(lines, "\n")
	l.loaded += len(text)
	return l.load(text)
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return strings.TrimPrefix(err.Error(), "yaml: ")
}

// find is the smallest entry in e with which the error goes away, where the file
// is lines.
func (l *locator) find(in *entry, msg string, lines []string) (entry, bool) {
	all := in.entries()
	if l.loaded > maxLoaded {
		return entry{}, false
	}
	guilty := l.guiltyField
	if in.value != nil && in.value.Kind == yaml.SequenceNode {
		guilty = l.guiltyItem
	}
	e, ok := guilty(in, all, msg, lines)
	if !ok {
		return entry{}, false // all of it is as good an answer
	}
	// Alone, what was found shows more clearly which part of it is bad.
	if alone := e.alone(all, lines); message(l.try(alone)) == msg {
		lines = alone
	} else if len(all) <= maxParts {
		for _, other := range all {
			if other.path == e.path || l.loaded > maxLoaded {
				continue
			}
			if fewer := other.without(lines); message(l.try(fewer)) == msg {
				lines = fewer
			}
		}
	}
	if inner, ok := l.find(&e, msg, lines); ok {
		return inner, true
	}
	return e, true
}

// guiltyItem is the last item of the shortest list that has the error: the reader
// goes through a list in order, and of two that do not get on the second one is
// too many.
func (l *locator) guiltyItem(_ *entry, all []entry, msg string, lines []string) (entry, bool) {
	has := func(n int) bool { // the first n have the error
		first := slices.Clone(lines)
		for _, e := range all[n:] {
			e.empty(first)
		}
		return message(l.try(first)) == msg
	}
	n := sort.Search(len(all), has)
	if n == 0 || n == len(all) && !has(n) {
		return entry{}, false
	}
	return all[n-1], true
}

// lacking matches errors that come of taking something away.
var lacking = regexp.MustCompile(`(?i)empty|null|require|missing|must|crash`)

// guiltyField is the one field without which there is no error, or another one.
func (l *locator) guiltyField(in *entry, all []entry, msg string, lines []string) (entry, bool) {
	var cured, changed []entry
	for _, e := range all {
		switch got := message(l.try(e.without(lines))); {
		case got == msg:
		case got == "":
			cured = append(cured, e)
		case in.path == "" || !lacking.MatchString(got):
			changed = append(changed, e)
		}
	}
	if len(cured) == 0 {
		cured = changed
	}
	if len(cured) == 0 || len(cured) > 1 && in.path != "" {
		return entry{}, false
	}
	return cured[0], true
}

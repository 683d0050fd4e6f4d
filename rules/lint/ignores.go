package lint

import (
	"regexp"
	"slices"
	"strings"

	"github.com/tocsin/tocsin/rules"
)

// ignores are the comments `# lint:ignore NAME,...` of a file. One inside of a rule
// or group, or in the comment right above it, is for that rule or group; one
// above the first of them is for the file. "all" stands for every lint.
//
// Comments are looked for in the text and not in the YAML tree, which does not
// know those inside of a PromQL expression.
type ignores []span

// span is a part of a file, in lines: the names are found in [first, own) and
// count for [first, end).
type span struct {
	first, own, end int
	names           []string
}

var ignoreComment = regexp.MustCompile(`#\s*lint:ignore\s+([a-z-]+(?:\s*,\s*[a-z-]+)*)`)

func newIgnores(f *rules.File) ignores {
	lines := f.Lines()
	marked := map[int][]string{} // by line, from 1
	for i, line := range lines {
		if m := ignoreComment.FindStringSubmatch(line); m != nil {
			for name := range strings.SplitSeq(m[1], ",") {
				marked[i+1] = append(marked[i+1], strings.TrimSpace(name))
			}
		}
	}
	if len(marked) == 0 {
		return nil
	}
	var out ignores
	for _, s := range spans(f, lines) {
		for line := s.first; line < s.own; line++ {
			s.names = append(s.names, marked[line]...)
		}
		if len(s.names) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// spans are those of the rules, the groups and the file, from its end.
func spans(f *rules.File, lines []string) []span {
	var out []span
	end := len(lines) + 1 // of what is above all that was seen
	for _, g := range slices.Backward(f.Groups) {
		groupEnd := end
		for _, r := range slices.Backward(g.Rules) {
			first := withComment(lines, r.Pos.Line)
			out = append(out, span{first: first, own: end, end: end})
			end = first
		}
		first := withComment(lines, g.Pos.Line)
		out = append(out, span{first: first, own: end, end: groupEnd})
		end = first
	}
	return append(out, span{first: 1, own: end, end: len(lines) + 1})
}

// withComment is the first line of the comment that stands right above a line,
// or the line.
func withComment(lines []string, line int) int {
	for line > 1 && strings.HasPrefix(strings.TrimSpace(lines[line-2]), "#") {
		line--
	}
	return line
}

// covers tells whether a finding is to be ignored.
func (i ignores) covers(p rules.Problem) bool {
	return slices.ContainsFunc(i, func(s span) bool {
		return s.first <= p.Pos.Line && p.Pos.Line < s.end &&
			(slices.Contains(s.names, p.Lint) || slices.Contains(s.names, "all"))
	})
}

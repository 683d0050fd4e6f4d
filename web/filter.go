package web

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
)

// filter is what a reader wants to see of the alerts: those that match all of its
// matchers and have all of its words somewhere in labels or annotations.
type filter struct {
	matchers []*labels.Matcher
	words    []string // in lower case
}

// term is one part of a filter: a matcher as in PromQL, the quotes of which may be
// left out, or a word, in quotes if it has spaces.
var term = regexp.MustCompile(`^[\s,{}]*(?:([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*)?("(?:[^"\\]|\\.)*"|[^\s,{}"]+)?`)

// maxFilter bounds the text of a filter, and with it what matching can cost.
const maxFilter = 1000

// parseFilter reads what a reader has typed. With an error, the filter lets all
// pass.
func parseFilter(text string) (filter, error) {
	var f filter
	if len(text) > maxFilter {
		return f, fmt.Errorf("the filter has %d characters, and %d are read", len(text), maxFilter)
	}
	for rest := text; strings.Trim(rest, " \t\r\n,{}") != ""; {
		m := term.FindStringSubmatch(rest)
		name, op, value := m[1], m[2], m[3]
		if value == "" && name == "" {
			return filter{}, fmt.Errorf("%q cannot be read: write words, or labels as severity=\"critical\"", short(strings.TrimSpace(rest)))
		}
		rest = rest[len(m[0]):]
		if strings.HasPrefix(value, `"`) {
			unquoted, err := strconv.Unquote(value)
			if err != nil {
				return filter{}, fmt.Errorf("%s cannot be read: a backslash stands before \", \\, n or t", value)
			}
			value = unquoted
		}
		if name == "" {
			f.words = append(f.words, strings.ToLower(value))
			continue
		}
		matcher, err := labels.NewMatcher(matchTypes[op], name, value)
		if err != nil {
			return filter{}, fmt.Errorf("label %s: %w", name, err)
		}
		f.matchers = append(f.matchers, matcher)
	}
	return f, nil
}

var matchTypes = map[string]labels.MatchType{
	"=": labels.MatchEqual, "!=": labels.MatchNotEqual, "=~": labels.MatchRegexp, "!~": labels.MatchNotRegexp,
}

// choose gives those that match, in their order.
func (f filter) choose(list []alertRef) []alertRef {
	if len(f.matchers)+len(f.words) == 0 {
		return list
	}
	var out []alertRef
	for _, x := range list {
		if f.match(x) {
			out = append(out, x)
		}
	}
	return out
}

func (f filter) match(x alertRef) bool {
	if !matchAll(f.matchers, x.alert.Labels) {
		return false
	}
	return !slices.ContainsFunc(f.words, func(word string) bool {
		return !hasWord(x.alert.Labels, word) && !hasWord(x.alert.Annotations, word) && !strings.Contains(strings.ToLower(x.group.File), word)
	})
}

// hasWord tells whether a label has the word in its name or value.
func hasWord(ls labels.Labels, word string) bool {
	found := false
	ls.Range(func(l labels.Label) {
		found = found || strings.Contains(strings.ToLower(l.Value), word) || strings.Contains(strings.ToLower(l.Name), word)
	})
	return found
}

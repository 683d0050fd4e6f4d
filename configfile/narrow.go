package configfile

import (
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tocsin/tocsin/rules"
)

// narrow goes from the entry that an error is in to the field that the error speaks
// of, which taking away whole lines does not find: the one whose value it quotes, or
// that it names first. Of fields that exclude each other the last one is too many.
func (t *tree) narrow(p *rules.Problem, in place) {
	if t.narrowToValue(p, in) || strings.Contains(p.Msg, " only ") {
		return
	}
	at := mentions(p.Msg)
	first := len(p.Msg)
	t.below(in, func(e place) {
		if e.key == nil || e.path == in.path {
			return
		}
		if i := at(e.key.Value); i >= 0 && (i <= first || excluded.MatchString(p.Msg)) {
			first, p.Pos, p.Field = i, e.pos(), e.path
		}
	})
}

var (
	excluded = regexp.MustCompile(`at most one of|must not be configured|not compatible`)
	word     = regexp.MustCompile(`[A-Za-z0-9_]+`)
)

// mentions tells where an error names a field first, or -1. "scrape timeout" is
// scrape_timeout.
func mentions(msg string) func(field string) int {
	at := map[string]int{}
	for _, i := range word.FindAllStringIndex(msg, -1) {
		if _, again := at[msg[i[0]:i[1]]]; !again {
			at[msg[i[0]:i[1]]] = i[0]
		}
	}
	spoken := strings.ReplaceAll(msg, " ", "_")
	return func(field string) int {
		if i, ok := at[field]; ok {
			return i
		}
		if strings.Contains(field, "_") {
			return strings.Index(spoken, field)
		}
		return -1
	}
}

// narrowToValue goes to the one value or name that the error quotes, and tells
// whether it quotes any.
func (t *tree) narrowToValue(p *rules.Problem, in place) bool {
	var found []place
	t.below(in, func(e place) {
		if e.value.Kind == yaml.ScalarNode && quotes(p.Msg, e.value.Value) ||
			e.key != nil && e.path != in.path && strings.Contains(p.Msg, strconv.Quote(e.key.Value)) {
			found = append(found, e)
		}
	})
	if len(found) == 1 {
		p.Pos, p.Field = found[0].pos(), found[0].path
	}
	return len(found) > 0
}

// quotes tells whether an error is about a value.
func quotes(msg, value string) bool {
	return value != "" && (strings.Contains(msg, strconv.Quote(value)) || strings.Contains(msg, "`"+value+"`") ||
		strings.HasSuffix(msg, " "+value) || strings.Contains(msg, " "+value+", "))
}

var (
	ofJob    = regexp.MustCompile(` for (?:scrape config with job name "(?:[^"\\]|\\.)*"|global config)`)
	anchored = strings.NewReplacer("`^(?s:", "`", ")$`", "`")
	prefixed = regexp.MustCompile(`^(?:scrape_protocols|invalid \w+(?: value)?): `)
)

// words takes out of an error what its place says better.
func words(msg string) string {
	return anchored.Replace(prefixed.ReplaceAllString(ofJob.ReplaceAllString(msg, ""), ""))
}

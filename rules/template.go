package rules

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/template"
)

// templateDefs is what Prometheus puts before the text of each template. It
// stands on the first line, so that lines in errors are lines of the text.
const templateDefs = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}" +
	"{{$externalURL := .ExternalURL}}{{$value := .Value}}"

var (
	templateVariables = []string{"$labels", "$externalLabels", "$externalURL", "$value"}
	// templateFunctions are Prometheus' functions and those of Go's templates.
	templateFunctions = []string{
		"query", "first", "label", "value", "strvalue", "args", "reReplaceAll", "safeHtml", "match", "title",
		"toUpper", "toLower", "graphLink", "tableLink", "sortByLabel", "stripPort", "stripDomain", "humanize",
		"humanize1024", "humanizeDuration", "humanizePercentage", "humanizeTimestamp", "toTime", "toDuration",
		"now", "pathPrefix", "externalURL", "parseDuration", "urlQueryEscape",
		"and", "call", "html", "index", "slice", "js", "len", "not", "or", "print", "printf", "println",
		"urlquery", "eq", "ge", "gt", "le", "lt", "ne",
	}

	templatePlace = regexp.MustCompile(`^template: :(\d+): `)
	undefinedName = regexp.MustCompile(`^(?:undefined variable|function) "([^"]+)"`)
)

// templates reports the labels or annotations of an alert that do not parse as
// templates.
func (c *checker) templates(alert string, t textMap) {
	for _, e := range t.entries {
		if len(t.values[e.name]) > maxText {
			continue // reported by validText
		}
		if p, bad := c.badTemplate(alert, t, e); bad {
			c.add(p)
		}
	}
}

// badTemplate is true, with the problem, for a text that is no template.
func (c *checker) badTemplate(alert string, t textMap, e field) (Problem, bool) {
	text := t.values[e.name]
	// Prometheus' name for the template counts: a text may define templates,
	// and it may not define one of that name.
	verdict := parseTemplate("__alert_"+alert, text)
	if verdict == nil {
		return Problem{}, false
	}
	// The error's text is taken under no name, for the name is put into it and
	// may hold anything.
	err := parseTemplate("", text)
	if err == nil {
		err = errors.New("it defines a template of the alert's own name")
	}
	msg, line := err.Error(), 1
	if m := templatePlace.FindStringSubmatch(msg); m != nil {
		msg = msg[len(m[0]):]
		line, _ = strconv.Atoi(m[1]) // the pattern admits digits only
	}
	pos := c.source.locate(e.value, text, lineOffset(text, line))
	return c.finding(pos, t.name+"."+e.name, "bad template: "+msg, hintTemplate(msg)), true
}

// parseTemplate parses a text as Prometheus does before it expands it.
func parseTemplate(name, text string) error {
	data := template.AlertTemplateData(nil, nil, "", promql.Sample{})
	return template.NewTemplateExpander(context.Background(), templateDefs+text, name, data, 0, nil, nil, nil).ParseTest()
}

// lineOffset is the offset of the first byte on a line, counted from 1, that is
// no space.
func lineOffset(text string, line int) int {
	offset := 0
	for ; line > 1; line-- {
		_, rest, ok := strings.Cut(text[offset:], "\n")
		if !ok {
			break
		}
		offset = len(text) - len(rest)
	}
	rest := text[offset:]
	return offset + len(rest) - len(strings.TrimLeft(rest, " \t\n"))
}

// hintTemplate guesses what to do about a template's error.
func hintTemplate(msg string) string {
	if m := undefinedName.FindStringSubmatch(msg); m != nil {
		known := templateFunctions
		if strings.HasPrefix(m[1], "$") {
			known = templateVariables
		}
		if guess := Nearest(m[1], known); guess != "" {
			return fmt.Sprintf("did you mean %s?", guess)
		}
		if strings.HasPrefix(m[1], "$") {
			return "the variables are " + strings.Join(templateVariables, ", ")
		}
		return "names of labels are written as $labels.NAME"
	}
	switch {
	case strings.Contains(msg, "unclosed action"):
		return `a "{{" lacks its "}}"`
	case strings.Contains(msg, "unexpected EOF"):
		return `an {{ if }}, {{ range }} or {{ with }} lacks its {{ end }}`
	}
	return ""
}

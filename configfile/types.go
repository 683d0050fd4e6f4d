package configfile

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/tocsin/tocsin/rules"
)

var (
	typeError    = regexp.MustCompile(`(?m)^\s*line (\d+): (.*)$`)
	unknownField = regexp.MustCompile(`^field (\S+) not found in type `)
	doubleField  = regexp.MustCompile(`^(?:field|key) "?([^" ]+)"? already set in (?:type|map)`)
	wrongType    = regexp.MustCompile("^cannot unmarshal !!\\w+(?: `(.*)`)? into (.*)$")
)

// typeErrors are those errors that come with lines; what they are about is taken
// out of the lines.
func (l *locator) typeErrors(err error) []rules.Problem {
	var found []rules.Problem
	for _, p := range typeProblems(l.path, err) {
		name := p.Field
		if e, ok := l.top().on(p.Pos.Line, name); ok {
			p.Pos, p.Field = e.pos(), e.path
			if p.Msg == unknown {
				p.Msg, p.Hint = unknownAt(e.path)
				l.lines = e.without(l.lines) // nobody misses it
			} else {
				l.narrowToValue(&p, place{e.path, e.key, e.value})
				l.take(e)
			}
		} else if at, ok := l.keyOn(p.Pos.Line, name); ok {
			p.Pos, p.Field = at.pos(), at.path
			if p.Msg == unknown {
				p.Msg, p.Hint = unknownAt(at.path)
			}
		}
		found = append(found, p)
	}
	return found
}

const unknown = "unknown field"

// typeProblems are those of an error's lines; Field is the last part of a path.
func typeProblems(path string, err error) []rules.Problem {
	var found []rules.Problem
	for _, m := range typeError.FindAllStringSubmatch(err.Error(), -1) {
		line, _ := strconv.Atoi(m[1]) // the pattern admits digits only
		p := rules.Problem{File: path, Pos: rules.Position{Line: line}, Msg: m[2]}
		if t := unknownField.FindStringSubmatch(m[2]); t != nil {
			p.Field, p.Msg = t[1], unknown
		} else if t := doubleField.FindStringSubmatch(m[2]); t != nil {
			p.Field, p.Msg = t[1], "is there twice"
		} else if t := wrongType.FindStringSubmatch(m[2]); t != nil {
			p.Msg = "must be " + kind(t[2])
			if t[1] != "" {
				p.Msg += fmt.Sprintf(", but is %q", t[1])
			}
		}
		found = append(found, p)
	}
	return found
}

// kind says what a Go type is to somebody who writes YAML.
func kind(typ string) string {
	switch {
	case strings.HasPrefix(typ, "uint"):
		return "a number, 0 or more"
	case strings.HasPrefix(typ, "int"), strings.HasPrefix(typ, "float"):
		return "a number"
	case typ == "bool":
		return "true or false"
	case typ == "string":
		return "a text"
	case strings.HasPrefix(typ, "["), typ == "model.LabelNames", typ == "config.AlertmanagerConfigs":
		return "a list"
	}
	return "a mapping (name: value)"
}

package rules

import (
	"bytes"
	"fmt"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// SyntaxProblem turns what the YAML parser says about a file that is not YAML
// into a problem with a place.
func SyntaxProblem(path string, content []byte, err error) Problem {
	line, msg := cutLine(err.Error())
	line = syntaxLine(content, line, msg)
	p := Problem{File: path, Msg: "not valid YAML: " + msg}
	lines := newSource(content).lines
	if line < 1 || line > len(lines) {
		return p
	}
	text := lines[line-1]
	p.Pos = Position{Line: line, Column: len(text) - len(strings.TrimLeft(text, " \t")) + 1}
	if tab := strings.IndexByte(text[:p.Pos.Column-1], '\t'); tab >= 0 {
		p.Pos.Column = tab + 1
		p.Hint = "YAML does not allow tabs for indentation; use spaces"
		return p
	}
	p.Hint = hintSyntax(text, msg)
	return p
}

// syntaxLine is the line that the parser stumbles over. The parser itself often
// names the line where the surrounding list or mapping began, one too low, or
// none: it is the shortest run of lines from the top that it refuses with the
// same words.
func syntaxLine(content []byte, line int, msg string) int {
	const tooLong = 1 << 20 // not worth a dozen more readings
	switch {
	case strings.HasPrefix(msg, "could not find expected ':'"),
		strings.HasPrefix(msg, "found unexpected end of stream"):
		// Named correctly, and each shorter run ends too early as well.
		return max(1, line)
	case len(content) > tooLong:
		return line
	}
	ends := lineEnds(content)
	from := min(line, len(ends)) // the parser is past this line
	n := sort.Search(len(ends)-from, func(i int) bool {
		var doc yaml.Node
		err := yaml.Unmarshal(content[:ends[from+i]], &doc)
		if err == nil {
			return false
		}
		_, text := cutLine(err.Error())
		return text == msg
	})
	if from+n < len(ends) {
		return from + n + 1
	}
	return max(1, line)
}

// lineEnds lists the offsets behind each line.
func lineEnds(content []byte) []int {
	var ends []int
	for i := 0; i < len(content); {
		n := bytes.IndexByte(content[i:], '\n')
		if n < 0 {
			return append(ends, len(content))
		}
		i += n + 1
		ends = append(ends, i)
	}
	return ends
}

// hintSyntax guesses what to do about the line that the parser refuses.
func hintSyntax(text, msg string) string {
	_, value, _ := strings.Cut(text, ": ")
	value = strings.TrimSpace(value)
	switch {
	case strings.HasPrefix(value, "{{"):
		return "quote a text that begins with { or ["
	case value != "" && strings.ContainsRune("@`%", rune(value[0])):
		return fmt.Sprintf("quote a text that begins with %q", value[:1])
	case strings.HasPrefix(msg, "mapping values are not allowed"):
		return `check the indentation; quote a text that has ": " in it`
	case strings.HasPrefix(msg, "could not find expected ':'"):
		return `this line, or one near it, lacks a ":" or is indented wrongly`
	case strings.HasPrefix(msg, "found unexpected end of stream"):
		return "a quote that begins here is never closed"
	case strings.HasPrefix(msg, "unknown anchor"):
		return "an anchor (&name) comes before its alias (*name); quote a text that begins with *"
	case strings.Contains(msg, "UTF-8"):
		return "save the file as UTF-8"
	case strings.HasPrefix(msg, "did not find expected ','"), strings.HasPrefix(value, "["), strings.HasPrefix(value, "{"):
		return "a [ or { that begins here is never closed or lacks a comma; quote a text that begins with one"
	case strings.HasPrefix(msg, "found unknown escape character"):
		return `inside "double quotes" write \\ for a backslash, or use 'single quotes'`
	case value != "" && strings.ContainsRune(`"'`, rune(value[0])):
		return "put the whole value into quotes; a quote inside of it must be doubled or escaped"
	case strings.HasPrefix(msg, "did not find expected"):
		return "check the indentation and the quotes of this line and the one before it"
	}
	return ""
}

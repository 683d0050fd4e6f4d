package configfile

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tocsin/tocsin/rules"
)

// entry is one entry of a mapping or list, from its first line to its last.
type entry struct {
	path       string
	key, value *yaml.Node // key is nil in a list
	end        int
	parent     *entry // nil at the top
}

func (e entry) first() *yaml.Node {
	if e.key != nil {
		return e.key
	}
	return e.value
}

func (e entry) pos() rules.Position {
	n := e.first()
	return rules.Position{Line: n.Line, Column: n.Column}
}

// without returns the lines with those of the entry emptied, so that the others
// keep their numbers.
func (e entry) without(lines []string) []string {
	out := slices.Clone(lines)
	e.empty(out)
	return out
}

// alone returns the lines with those of the others emptied.
func (e entry) alone(all []entry, lines []string) []string {
	out := slices.Clone(lines)
	for _, other := range all {
		if other.path != e.path {
			other.empty(out)
		}
	}
	return out
}

func (e entry) empty(out []string) {
	n := e.first()
	if n.Line > len(out) {
		return
	}
	line := []rune(out[n.Line-1])
	head := string(line[:min(n.Column-1, len(line))])
	if e.key == nil {
		head = strings.TrimSuffix(strings.TrimRight(head, " "), "-")
	}
	out[n.Line-1] = strings.TrimRight(head, " ")
	if strings.HasSuffix(out[n.Line-1], "-") {
		out[n.Line-1] += " " // a first field goes, its list entry stays
	}
	for i := n.Line; i < min(e.end, len(out)); i++ {
		out[i] = ""
	}
}

// top is the file as a whole.
func (t *tree) top() *entry { return &entry{value: t.root, end: len(t.lines)} }

// entries lists those of the mapping or list in e, if it is in block style: parts
// of a line are not taken away.
func (e *entry) entries() []entry {
	n, path, end := e.value, e.path, e.end
	if n == nil || n.Style&yaml.FlowStyle != 0 {
		return nil
	}
	parent := e
	if path == "" {
		parent = nil
	}
	var out []entry
	add := func(e entry) {
		if len(out) > 0 {
			out[len(out)-1].end = e.first().Line - 1
		}
		e.end, e.parent = end, parent
		out = append(out, e)
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			add(entry{path: join(path, n.Content[i].Value), key: n.Content[i], value: n.Content[i+1]})
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			add(entry{path: fmt.Sprintf("%s[%d]", path, i), value: item})
		}
	}
	return out
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// on is the innermost entry on a line, with that name if there is one.
func (e *entry) on(line int, name string) (found entry, ok bool) {
	for _, e := range e.entries() {
		if line < e.first().Line || line > e.end {
			continue
		}
		if inner, deeper := e.on(line, name); deeper {
			return inner, true
		}
		if name == "" && (e.first().Line == line || e.value.Line == line) ||
			e.key != nil && e.key.Line == line && e.key.Value == name {
			found, ok = e, true
		}
	}
	return found, ok
}

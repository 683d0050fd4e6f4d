package configfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	promconfig "github.com/prometheus/common/config"
	"go.yaml.in/yaml/v3"

	"github.com/tocsin/tocsin/rules"
)

// tree is a file as text and as nodes; the nodes tell places, and no verdict.
type tree struct {
	path  string
	lines []string
	root  *yaml.Node // nil for an empty file
	// load has the word on a text.
	load func(text string) error
}

// newTree reads the nodes. Where carried is set, what has none that tell what is in
// it is a problem even if the reader takes it.
func newTree(path string, content []byte, carried bool, load func(text string) error) (*tree, *rules.Problem) {
	t := &tree{path: path, lines: strings.Split(string(content), "\n"), load: load}
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(content))
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		if !carried && load(string(content)) == nil {
			return t, nil
		}
		return nil, t.syntax(content, err)
	}
	if len(doc.Content) > 0 {
		t.root = doc.Content[0]
	}
	if carried {
		if !t.each(func(place) {}) {
			return nil, &rules.Problem{File: path, Msg: "has too many aliases", Hint: "write out what they stand for"}
		}
		if p := t.second(dec, content); p != nil {
			return nil, p
		}
		t.hideSockets()
	}
	return t, nil
}

// second is the problem of a file in which more than one YAML document is, of which
// the reader only sees the first.
func (t *tree) second(dec *yaml.Decoder, content []byte) *rules.Problem {
	var doc yaml.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF), err == nil && len(doc.Content) == 1 && isNull(doc.Content[0]):
		return nil
	case err != nil:
		return t.syntax(content, err)
	}
	return &rules.Problem{File: t.path, Pos: position(doc.Content[0]), Msg: "a second document is never read", Hint: `take out the line "---"`}
}

// syntax words what keeps a file from being read. The name of an anchor that there
// is not may be a password that begins with an asterisk.
func (t *tree) syntax(content []byte, err error) *rules.Problem {
	p := rules.SyntaxProblem(t.path, content, err)
	if anchor.MatchString(p.Msg) {
		p.Msg, p.Hint = "an alias (*name) without an anchor (&name) above it", "quote a text that begins with an asterisk"
	}
	return &p
}

// text is what the reader gets.
func (t *tree) text() string { return strings.Join(t.lines, "\n") }

// dir is where the names of files in it begin.
func (t *tree) dir() string { return filepath.Dir(t.path) }

// place is a node with its path, such as scrape_configs[0].job_name; key is nil at
// the top and in a list.
type place struct {
	path       string
	key, value *yaml.Node
}

// pos is where somebody looks for it; zero for no place.
func (p place) pos() rules.Position {
	switch {
	case p.key != nil:
		return position(p.key)
	case p.value != nil:
		return position(p.value)
	}
	return rules.Position{}
}

func position(n *yaml.Node) rules.Position { return rules.Position{Line: n.Line, Column: n.Column} }

// maxAliased bounds how many nodes are visited by way of aliases: an alias in a list
// of aliases in a list soon stands for more than there is memory.
const maxAliased = 200_000

// each calls f for every node, and tells whether that were all of them. What an alias
// stands for is visited at the paths of the alias too, and what is merged (<<) at
// those of what it is merged into.
func (t *tree) each(f func(place)) (all bool) { return t.below(place{value: t.root}, f) }

// below is each, for what is in p and p itself.
func (t *tree) below(p place, f func(place)) (all bool) {
	w := walk{visit: f, left: maxAliased, open: map[*yaml.Node]bool{}}
	w.to(p)
	return w.left > 0
}

type walk struct {
	visit func(place)
	left  int                 // of maxAliased
	open  map[*yaml.Node]bool // what the aliases stand for that lead here
}

func (w *walk) to(p place) {
	switch {
	case p.value == nil, w.left == 0:
		return
	case p.value.Kind == yaml.AliasNode:
		target := p.value.Alias
		if w.open[target] {
			return // it contains itself, which no reader takes
		}
		w.open[target] = true
		w.to(place{p.path, p.key, target})
		delete(w.open, target)
		return
	case len(w.open) > 0:
		w.left--
	}
	w.visit(p)
	for i, c := range p.value.Content {
		switch {
		case p.value.Kind == yaml.SequenceNode:
			w.to(place{fmt.Sprintf("%s[%d]", p.path, i), nil, c})
		case p.value.Kind == yaml.MappingNode && i%2 == 1:
			w.field(p, p.value.Content[i-1], c)
		}
	}
}

// field goes into a field of in.
func (w *walk) field(in place, key, value *yaml.Node) {
	switch {
	case key.Tag != "!!merge":
		w.to(place{join(in.path, key.Value), key, value})
	case value.Kind == yaml.SequenceNode:
		for _, one := range value.Content {
			w.to(place{in.path, in.key, one})
		}
	default:
		w.to(place{in.path, in.key, value})
	}
}

// keyOn is the field of that name on a line.
func (t *tree) keyOn(line int, name string) (found place, ok bool) {
	t.each(func(p place) {
		if !ok && p.key != nil && p.key.Line == line && p.key.Value == name {
			found, ok = p, true
		}
	})
	return found, ok
}

// at is the place with that path.
func (t *tree) at(path string) (found place, ok bool) {
	t.each(func(p place) {
		if p.path == path && !ok {
			found, ok = p, true
		}
	})
	return found, ok
}

// naming is the first text that names the file at path.
func (t *tree) naming(path string) (found place) {
	t.each(func(p place) {
		if p.value.Kind == yaml.ScalarNode && found.value == nil && promconfig.JoinDir(t.dir(), p.value.Value) == path {
			found = p
		}
	})
	return found
}

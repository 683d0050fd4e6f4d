package configfile

import (
	"fmt"
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
	if err := yaml.Unmarshal(content, &doc); err != nil {
		if !carried && load(string(content)) == nil {
			return t, nil
		}
		p := rules.SyntaxProblem(path, content, err)
		return nil, &p
	}
	if len(doc.Content) > 0 {
		t.root = doc.Content[0]
	}
	if carried {
		if !t.each(func(place) {}) {
			return nil, &rules.Problem{File: path, Msg: "has too many aliases", Hint: "write out what they stand for"}
		}
		t.hideSockets()
	}
	return t, nil
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

// pos is where somebody looks for it.
func (p place) pos() rules.Position {
	n := p.value
	if p.key != nil {
		n = p.key
	}
	return rules.Position{Line: n.Line, Column: n.Column}
}

// maxAliased bounds how many nodes are visited by way of aliases: an alias in a list
// of aliases in a list soon stands for more than there is memory.
const maxAliased = 200_000

// each calls f for every node, and tells whether that were all of them. What an alias
// stands for is visited at the paths of the alias too, and what is merged (<<) at
// those of what it is merged into.
func (t *tree) each(f func(place)) (all bool) {
	w := walk{visit: f, left: maxAliased, open: map[*yaml.Node]bool{}}
	w.to(place{value: t.root})
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

// at is the node with that path, or nil.
func (t *tree) at(path string) (found *yaml.Node) {
	t.each(func(p place) {
		if p.path == path && found == nil {
			found = p.value
		}
	})
	return found
}

// naming is the first text that names the file at path.
func (t *tree) naming(path string) (found *yaml.Node) {
	t.each(func(p place) {
		if p.value.Kind == yaml.ScalarNode && found == nil && promconfig.JoinDir(t.dir(), p.value.Value) == path {
			found = p.value
		}
	})
	return found
}

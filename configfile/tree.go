package configfile

import (
	"fmt"
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
}

func newTree(path string, content []byte) (*tree, *rules.Problem) {
	t := &tree{path: path, lines: strings.Split(string(content), "\n")}
	var doc yaml.Node
	if err := yaml.Unmarshal(content, &doc); err != nil {
		if _, loadErr := load(string(content)); loadErr == nil {
			return t, nil
		}
		p := rules.SyntaxProblem(path, content, err)
		return nil, &p
	}
	if len(doc.Content) > 0 {
		t.root = doc.Content[0]
	}
	return t, nil
}

// each calls f for every node below n, with its path, such as
// scrape_configs[0].job_name.
func (t *tree) each(n *yaml.Node, path string, f func(path string, value *yaml.Node)) {
	if n == nil {
		return
	}
	f(path, n)
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			t.each(n.Content[i+1], join(path, n.Content[i].Value), f)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			t.each(item, fmt.Sprintf("%s[%d]", path, i), f)
		}
	}
}

// keyOn is the key of that name on a line, with its path, or nil.
func (t *tree) keyOn(line int, name string) (key *yaml.Node, path string) {
	t.each(t.root, "", func(p string, n *yaml.Node) {
		if n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if k := n.Content[i]; key == nil && k.Line == line && k.Value == name {
				key, path = k, join(p, name)
			}
		}
	})
	return key, path
}

// at is the node with that path, or nil.
func (t *tree) at(path string) (found *yaml.Node) {
	t.each(t.root, "", func(p string, n *yaml.Node) {
		if p == path && found == nil {
			found = n
		}
	})
	return found
}

// naming is the first text that names the file at path, where names are relative
// to dir.
func (t *tree) naming(dir, path string) (found *yaml.Node) {
	t.each(t.root, "", func(_ string, n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && found == nil && promconfig.JoinDir(dir, n.Value) == path {
			found = n
		}
	})
	return found
}

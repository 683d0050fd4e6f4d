package rules

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// field is one `name: value` of a mapping.
type field struct {
	name       string
	key, value *yaml.Node
}

// find returns the field of that name.
func find(fields []field, name string) (field, bool) {
	for _, f := range fields {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// fields lists the fields of a mapping with its merge keys (`<<: *base`)
// carried out. Keys that stand there twice or are no text are reported.
func (c *checker) fields(m *yaml.Node) []field {
	var out []field
	c.collect(m, map[string]bool{}, &out)
	return out
}

// collect appends the fields of m that are not seen yet: what a mapping says
// itself goes before what it merges, and earlier merges go before later ones.
func (c *checker) collect(m *yaml.Node, seen map[string]bool, out *[]field) {
	c.refuseDuplicates(m)
	var merge *yaml.Node
	for i := 0; i+1 < len(m.Content); i += 2 {
		key, value := m.Content[i], m.Content[i+1]
		if isMerge(key) {
			merge = value
			continue
		}
		name, ok := c.fieldName(key)
		if !ok || seen[name] {
			continue
		}
		seen[name] = true
		*out = append(*out, field{name: name, key: key, value: value})
	}
	if merge != nil {
		c.collectMerged(merge, seen, out)
	}
}

func (c *checker) collectMerged(merge *yaml.Node, seen map[string]bool, out *[]field) {
	sources := []*yaml.Node{merge}
	if merge.Kind == yaml.SequenceNode {
		sources = merge.Content
	}
	for _, n := range sources {
		if m := resolve(n); m.Kind == yaml.MappingNode {
			c.collect(m, seen, out)
			continue
		}
		c.report(position(n), "<<", "merges something that is not a mapping",
			"a merge takes an anchored mapping (<<: *name) or a list of them")
	}
}

// isMerge tells whether a key is the merge key; a quoted one is a plain name.
func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Value == "<<" && key.ShortTag() == "!!merge"
}

// fieldName decodes a key. A null key is passed over, as the decoder does.
func (c *checker) fieldName(key *yaml.Node) (string, bool) {
	var name *string
	if err := key.Decode(&name); err != nil {
		c.report(position(key), "", "a field's name must be a text, but is "+describe(resolve(key)),
			"quote a text that begins with { or [")
		return "", false
	}
	if name == nil {
		return "", false
	}
	return *name, true
}

// refuseDuplicates reports each key that stands in m before.
func (c *checker) refuseDuplicates(m *yaml.Node) {
	type id struct {
		kind  yaml.Kind
		value string
	}
	first := make(map[id]*yaml.Node, len(m.Content)/2)
	for i := 0; i < len(m.Content); i += 2 {
		key := m.Content[i]
		k := id{key.Kind, key.Value}
		if prev, ok := first[k]; ok {
			c.report(position(key), key.Value, fmt.Sprintf("is there twice, first in line %d", prev.Line),
				"keep one of the two")
			continue
		}
		first[k] = key
	}
}

// peek reads a text field of m without reporting anything, so that problems
// with m can name it.
func peek(m *yaml.Node, name string) string {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value != name {
			continue
		}
		var s string
		if err := m.Content[i+1].Decode(&s); err != nil {
			return ""
		}
		return s
	}
	return ""
}

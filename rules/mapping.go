package rules

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// Mapping is one mapping of a Document. What is wrong with a field is reported
// when it is read; absent fields, and all fields of an absent mapping, are zero.
type Mapping struct {
	// Pos is where the mapping begins.
	Pos Position
	// Sound is false for what is no mapping, or has fields that nobody knows.
	Sound  bool
	d      *Document
	prefix string // before the names of its fields in messages
	fields []field
}

func (d *Document) mapping(n *yaml.Node, name string, form Form) Mapping {
	m := Mapping{Pos: position(n), d: d}
	if name != "" {
		m.prefix = name + "."
	}
	before := d.c.found
	if node := d.c.mapping(n, name, form.Shape); node != nil {
		m.fields = d.c.known(node, form.level())
	}
	m.Sound = d.c.found == before
	return m
}

// field returns the field of that name, under the name that messages call it.
func (m Mapping) field(name string) (field, bool) {
	f, ok := find(m.fields, name)
	f.name = m.prefix + name
	return f, ok
}

// only gives the field of that name to readers that look for it in a list.
func (m Mapping) only(name string) (fields []field, full string) {
	f, ok := m.field(name)
	if !ok {
		return nil, f.name
	}
	return []field{f}, f.name
}

// Text reads a text; numbers and booleans are texts too.
func (m Mapping) Text(name string) Text {
	f, ok := m.field(name)
	if !ok {
		return Text{d: m.d, name: f.name, pos: m.Pos}
	}
	return m.d.text(f)
}

// Texts reads a list of texts.
func (m Mapping) Texts(name string) []Text {
	var out []Text
	f, ok := m.field(name)
	if !ok {
		return nil
	}
	for _, n := range m.d.c.list(f) {
		out = append(out, m.d.text(field{name: f.name, value: n}))
	}
	return out
}

// TextMap reads a mapping of names to texts.
func (m Mapping) TextMap(name string) map[string]string {
	return m.d.c.textMap(m.only(name)).values
}

// Mappings reads a list of mappings of one form; empty entries are empty
// mappings.
func (m Mapping) Mappings(name string, form Form) []Mapping {
	var out []Mapping
	f, ok := m.field(name)
	if !ok {
		return nil
	}
	for _, n := range m.d.c.list(f) {
		out = append(out, m.d.mapping(n, name, form))
	}
	return out
}

// Duration reads a duration.
func (m Mapping) Duration(name string) time.Duration {
	return valueOr(m.d.c.duration(m.only(name)))
}

// Bool reads true or false.
func (m Mapping) Bool(name string) bool {
	var b bool
	m.scalar(name, &b, "true or false", "")
	return b
}

// Number reads a number, which may be .inf or .nan.
func (m Mapping) Number(name string) float64 {
	var v float64
	m.scalar(name, &v, "a number", "YAML writes infinity as .inf or -.inf, and not-a-number as .nan")
	return v
}

// scalar decodes the field of that name into what to points at.
func (m Mapping) scalar(name string, to any, what, hint string) {
	f, ok := m.field(name)
	if !ok || f.value.Decode(to) == nil {
		return
	}
	n := resolve(f.value)
	msg := fmt.Sprintf("%q is not %s", n.Value, what)
	switch {
	case n.Kind != yaml.ScalarNode:
		msg, hint = fmt.Sprintf("must be %s, but is %s", what, describe(n)), ""
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		hint = "remove the quotes"
	}
	m.d.c.report(position(f.value), f.name, msg, hint)
}

// Text is a text of a Document with its place.
type Text struct {
	Value string
	d     *Document
	name  string // what messages call it
	pos   Position
	node  *yaml.Node // nil if the field is absent
}

func (d *Document) text(f field) Text {
	s, _ := d.c.decodeText(f)
	return Text{Value: s, d: d, name: f.name, pos: position(f.value), node: f.value}
}

// Pos is where the text begins; for an absent one, where its mapping does.
func (t Text) Pos() Position { return t.pos }

// Report adds a problem with the text from the byte at offset on.
func (t Text) Report(offset int, msg, hint string) {
	pos := t.pos
	if t.node != nil {
		pos = t.d.c.source.locate(t.node, t.Value, offset)
	}
	t.d.c.report(pos, t.name, msg, hint)
}

// Refuse reports what the PromQL parser found wrong with the text, before which
// it read skip bytes of something else.
func (t Text) Refuse(err error, skip int) {
	var errs parser.ParseErrors
	if !errors.As(err, &errs) {
		t.Report(0, err.Error(), "")
		return
	}
	for _, e := range errs {
		t.Report(max(0, int(e.PositionRange.Start)-skip), readable(e), "")
	}
}

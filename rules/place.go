package rules

import "go.yaml.in/yaml/v3"

// The lints behind the warnings of a File.
const (
	LintIgnored  = "ignored-content"
	LintType     = "wrong-type"
	LintTemplate = "group-label-template"
)

// marks tell where the fields of groups and rules stand, by the position of the
// group or rule.
type marks map[Position]map[string]mark

// mark is where a value stands.
type mark struct {
	pos  Position
	text *yaml.Node // the scalar; nil where its text is not its value
}

// mark remembers the scalar fields and texts of the group or rule at pos.
// Later ones overlay earlier ones.
func (c *checker) mark(pos Position, fields []field, texts ...textMap) {
	at := map[string]mark{}
	add := func(name string, f field) {
		n := resolve(f.value)
		if n.Kind != yaml.ScalarNode {
			return
		}
		m := mark{pos: position(f.value), text: n}
		if n.ShortTag() == "!!binary" {
			m.text = nil
		}
		at[name] = m
	}
	for _, f := range fields {
		add(f.name, f)
	}
	for _, t := range texts {
		for _, e := range t.entries {
			add(t.name+"."+e.name, e)
		}
	}
	c.marks[pos] = at
}

// Place is where a field of the group or rule at pos stands, and in it the byte
// of its value at offset. Fields are named as in Problem.Field. It is pos itself
// for a field that is not there.
func (f *File) Place(pos Position, field string, offset int) Position {
	m, ok := f.marks[pos][field]
	switch {
	case !ok:
		return pos
	case m.text == nil:
		return m.pos
	}
	return f.source.locate(m.text, m.text.Value, offset)
}

// Lines are the lines of the file as it was read, without their line breaks.
func (f *File) Lines() []string {
	if f.source == nil {
		return nil
	}
	return f.source.lines
}

// DropPlaces forgets where fields stand, which takes more memory than the rules: for
// those who only run them. Place then knows of no field.
func (f *File) DropPlaces() { f.source, f.marks = nil, nil }

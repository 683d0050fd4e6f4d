package rules

import (
	"fmt"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// textMap is a mapping of names to texts, such as labels, with the nodes that
// it was read from.
type textMap struct {
	name    string  // "labels" or "annotations"
	entries []field // in the order of the file
	values  map[string]string
}

// textMap decodes the field of that name. It is empty if the field is absent,
// and lacks what was reported.
func (c *checker) textMap(fields []field, name string) textMap {
	t := textMap{name: name}
	f, ok := find(fields, name)
	if !ok {
		return t
	}
	before := c.found
	m := c.mapping(f.value, name, fmt.Sprintf("write the entries below %q, one name: value a line", name+":"))
	if m == nil {
		return t
	}
	t.values = map[string]string{}
	for _, e := range c.fields(m) {
		s, ok := c.decodeText(field{name: name + "." + e.name, key: e.key, value: e.value})
		if ok {
			t.entries = append(t.entries, e)
			t.values[e.name] = s
		}
	}
	if c.found > before {
		return t // what there is can be checked on
	}
	// The decoder's word counts where merges of odd keys are concerned.
	var values map[string]string
	if err := f.value.Decode(&values); err != nil {
		_, text := cutLine(err.Error())
		c.report(position(f.value), name, text, "")
		return t
	}
	t.values = values
	return t
}

// labels reports invalid names and values of labels.
func (c *checker) labels(t textMap) {
	for _, e := range t.entries {
		value := t.values[e.name]
		switch {
		case e.name == model.MetricNameLabel:
			c.report(position(e.key), t.name+"."+e.name, "this label is reserved: it is the name of the series",
				`a recording rule's name goes into "record"`)
		case !model.UTF8Validation.IsValidLabelName(e.name):
			c.report(position(e.key), t.name, fmt.Sprintf("%q is not a valid label name", e.name), "")
		}
		c.validText(e.value, t.name+"."+e.name, value)
		if !model.LabelValue(value).IsValid() {
			c.report(position(e.value), t.name+"."+e.name, "the value is not valid UTF-8", "")
		}
	}
}

// annotations reports invalid names of annotations.
func (c *checker) annotations(t textMap) {
	for _, e := range t.entries {
		if !model.UTF8Validation.IsValidLabelName(e.name) {
			c.report(position(e.key), t.name, fmt.Sprintf("%q is not a valid annotation name", e.name), "")
		}
		c.validText(e.value, t.name+"."+e.name, t.values[e.name])
	}
}

// validText reports a text that is too long to be handed to a parser.
func (c *checker) validText(n *yaml.Node, field, text string) bool {
	if len(text) <= maxText {
		return true
	}
	c.report(position(n), field, fmt.Sprintf("is %d characters long; the limit is %d",
		utf8.RuneCountInString(text), maxText), "")
	return false
}

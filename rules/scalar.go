package rules

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

const durationHint = "write a duration such as 30s, 5m or 1h30m"

// text decodes the field of that name as a text; absent ones are empty. Numbers
// and booleans are texts too, as they are for Prometheus.
func (c *checker) text(fields []field, name string) string {
	f, ok := find(fields, name)
	if !ok {
		return ""
	}
	s, _ := c.decodeText(f)
	return s
}

// decodeText decodes a field's value as a text and reports what is none.
func (c *checker) decodeText(f field) (string, bool) {
	var s string
	err := f.value.Decode(&s)
	if err == nil {
		return s, true
	}
	n := resolve(f.value)
	if n.Kind == yaml.ScalarNode {
		_, text := cutLine(err.Error())
		c.report(position(f.value), f.name, text, "")
		return "", false
	}
	hint := ""
	if n.Style&yaml.FlowStyle != 0 {
		hint = "quote a text that begins with { or ["
	}
	c.report(position(f.value), f.name, "must be a text, but is "+describe(n), hint)
	return "", false
}

// refuseEmpty reports a text that is empty; one that does not decode has been
// reported already.
func (c *checker) refuseEmpty(f field, hint string) {
	var s string
	if err := f.value.Decode(&s); err == nil {
		c.report(position(f.value), f.name, "is empty", hint)
	}
}

// duration decodes the field of that name; absent ones are nil.
func (c *checker) duration(fields []field, name string) *time.Duration {
	f, ok := find(fields, name)
	if !ok {
		return nil
	}
	var d *model.Duration
	if err := f.value.Decode(&d); err != nil {
		n := resolve(f.value)
		msg := fmt.Sprintf("%q is not a duration", n.Value)
		if n.Kind != yaml.ScalarNode {
			msg = "must be a duration, but is " + describe(n)
		}
		c.report(position(f.value), f.name, msg, hintDuration(n.Value))
		return nil
	}
	return (*time.Duration)(d)
}

// hintDuration guesses why a text is not a duration.
func hintDuration(text string) string {
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		return fmt.Sprintf("a number needs a unit: did you mean %ds?", n)
	}
	if strings.HasPrefix(text, "-") {
		return "a duration cannot be negative; " + durationHint
	}
	if d, err := time.ParseDuration(text); err == nil {
		return "did you mean " + model.Duration(d).String() + "?"
	}
	return durationHint
}

// valueOr is the duration, or zero if there is none.
func valueOr(d *time.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return *d
}

// integer decodes the field of that name; absent ones are zero.
func (c *checker) integer(fields []field, name string) int {
	f, ok := find(fields, name)
	if !ok {
		return 0
	}
	var i int
	if err := f.value.Decode(&i); err != nil {
		n := resolve(f.value)
		msg := fmt.Sprintf("%q is not a whole number", n.Value)
		if n.Kind != yaml.ScalarNode {
			msg = "must be a whole number, but is " + describe(n)
		}
		hint := "0 means no limit"
		if _, err := strconv.Atoi(n.Value); err == nil {
			hint = "remove the quotes"
		}
		c.report(position(f.value), f.name, msg, hint)
		return 0
	}
	return i
}

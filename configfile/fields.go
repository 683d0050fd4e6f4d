package configfile

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"

	"github.com/tocsin/tocsin/rules"
)

// hintField guesses what an unknown field was meant to be.
func hintField(path string) string {
	parent, name := "", path
	if i := strings.LastIndex(path, "."); i >= 0 {
		parent, name = path[:i], path[i+1:]
	}
	known := fieldsAt(parent)
	if strings.HasSuffix(name, "_sd_configs") && slices.Contains(known, "static_configs") {
		return "Tocsin finds targets with " + strings.Join(discoveries(), ", ")
	}
	if guess := rules.Nearest(name, known); guess != "" {
		return fmt.Sprintf("did you mean %q?", guess)
	}
	if parent == "" && slices.Contains([]string{"groups", "tests"}, name) {
		return "this looks like a rule file; check it with tocsin check rules"
	}
	for _, p := range []string{"", "global", "scrape_configs[0]", "alerting"} {
		if p != parent && slices.Contains(fieldsAt(p), name) {
			if p == "" {
				return fmt.Sprintf("%q stands at the top of the file; check the indentation", name)
			}
			return fmt.Sprintf("%q belongs to %q; check the indentation", name, strings.TrimSuffix(p, "[0]"))
		}
	}
	return ""
}

// fieldsAt lists the names of the fields that there may be at a path.
func fieldsAt(path string) []string {
	typ := reflect.TypeFor[config.Config]()
	if path != "" {
		for name := range strings.SplitSeq(withoutIndex(path), ".") {
			next, ok := fieldsOf(typ)[name]
			if !ok {
				return nil
			}
			typ = next
		}
	}
	var names []string
	for name := range fieldsOf(typ) {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// fieldsOf lists the fields of a type as YAML has them, with the type of what is
// below them: of a list that of its entries.
func fieldsOf(typ reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	if typ.Kind() != reflect.Struct {
		return out
	}
	for i := range typ.NumField() {
		f := typ.Field(i)
		if f.Type == reflect.TypeFor[discovery.Configs]() {
			out["static_configs"] = reflect.TypeFor[targetGroup]()
			maps.Copy(out, discoveryTypes)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		elem := element(f.Type)
		switch {
		case strings.Contains(options, "inline"):
			maps.Copy(out, fieldsOf(elem))
		case f.IsExported() && name != "" && name != "-":
			out[name] = elem
		}
	}
	return out
}

// element is what pointers and lists lead to.
func element(typ reflect.Type) reflect.Type {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	return typ
}

// hint tells what to do about some of the reader's messages.
func hint(msg string) string {
	switch {
	case strings.HasPrefix(msg, "not a valid duration string"), strings.HasPrefix(msg, "unknown unit"):
		return "write a duration such as 30s, 5m or 1h30m"
	case strings.Contains(msg, "scrape timeout greater than scrape interval"):
		return "set scrape_timeout to the scrape interval or less"
	case strings.HasPrefix(msg, "found multiple"):
		return "give each of them a name of its own"
	case strings.Contains(msg, "is not a valid hostname"):
		return "a target is host:port, without http:// and without a path"
	}
	return ""
}

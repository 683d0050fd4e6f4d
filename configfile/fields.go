package configfile

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"

	"github.com/tocsin/tocsin/rules"
)

// unknownAt words that a field is unknown, and guesses what it was meant to be.
func unknownAt(path string) (msg, hint string) {
	parent, name := "", path
	if i := strings.LastIndex(path, "."); i >= 0 {
		parent, name = path[:i], path[i+1:]
	}
	known := fieldsAt(parent)
	if strings.HasSuffix(name, "_sd_configs") && slices.Contains(known, "static_configs") {
		return "is a service discovery that Tocsin does not have", "it finds targets with " + strings.Join(discoveries(), ", ")
	}
	return unknown, hintField(parent, name, known)
}

func hintField(parent, name string, known []string) string {
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
		case f.IsExported() && name != "-" && (name != "" || !f.Anonymous): // embedded in what is written as a text
			out[cmp.Or(name, strings.ToLower(f.Name))] = elem
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
	case strings.HasPrefix(msg, "units: "):
		return "write a size such as 64MB or 2GB"
	case strings.HasPrefix(msg, "invalid rule file path"), strings.HasPrefix(msg, "invalid scrape config file path"):
		return "a * may stand in the last part of a path only"
	case strings.HasPrefix(msg, "expected Alertmanager api version"):
		return "write v2, which Alertmanager has since 0.16"
	case strings.HasPrefix(msg, "utf8 metric names requested"):
		return "set metric_name_escaping_scheme to underscores, dots or values"
	case strings.HasPrefix(msg, "parse ") || msg == "host missing":
		return "write a URL such as http://host:port/path"
	case strings.Contains(msg, "unable to use"), strings.HasPrefix(msg, "tls: "):
		return "certificates and keys are PEM: -----BEGIN CERTIFICATE-----"
	case strings.HasPrefix(msg, "DNS-SD config must contain"):
		return "names lists what to look up"
	case strings.HasPrefix(msg, "found multiple"):
		return "give each of them a name of its own"
	case strings.Contains(msg, `"unix:`) && strings.Contains(msg, "is not a valid hostname"):
		return "Tocsin takes a socket among the targets of a job, written out and not by an alias: unix:///path/of/socket"
	case strings.Contains(msg, "is not a valid hostname"):
		return "a target is host:port, without http:// and without a path"
	}
	return ""
}

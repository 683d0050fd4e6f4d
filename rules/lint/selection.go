package lint

import (
	"fmt"
	"strings"

	"github.com/tocsin/tocsin/rules"
)

// Selection is the lints that are wanted. The zero value is none.
type Selection struct{ names map[string]bool }

// Has tells whether a lint is wanted.
func (s Selection) Has(name string) bool { return s.names[name] }

// Select reads a comma separated list from left to right: all, none, the name of
// a lint, or -NAME to leave one out. A list that begins by leaving one out
// begins with all.
func Select(list string) (Selection, error) {
	s := Selection{names: map[string]bool{}}
	if strings.HasPrefix(strings.TrimSpace(list), "-") {
		s.names = every()
	}
	for _, item := range strings.Split(list, ",") {
		name, out := strings.CutPrefix(strings.TrimSpace(item), "-")
		switch {
		case name == "" && !out:
			continue
		case !out && name == "all":
			s.names = every()
			continue
		case !out && name == "none", out && name == "all":
			clear(s.names)
			continue
		}
		if !every()[name] {
			return Selection{}, unknown(name)
		}
		s.names[name] = !out
	}
	return s, nil
}

func every() map[string]bool {
	names := map[string]bool{}
	for _, l := range All {
		names[l.Name] = true
	}
	return names
}

func unknown(name string) error {
	known := []string{"all", "none"}
	for _, l := range All {
		known = append(known, l.Name)
	}
	if guess := rules.Nearest(name, known); guess != "" {
		return fmt.Errorf("unknown lint %q, did you mean %q?", name, guess)
	}
	return fmt.Errorf("unknown lint %q; there are %s", name, strings.Join(known, ", "))
}

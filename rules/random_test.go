package rules

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// writer composes rule files of pieces that are each plausible. Byte-wise
// fuzzing seldom gets past the YAML parser; this always does.
type writer struct {
	*rand.Rand
	anchors int
}

func (w *writer) pick(from ...string) string { return from[w.IntN(len(from))] }

// rare returns odd one time in n.
func (w *writer) rare(n int, odd, usual string) string {
	if w.IntN(n) == 0 {
		return odd
	}
	return usual
}

// odd is a value that fits few fields.
func (w *writer) odd() string {
	s := w.pick("~", "null", "''", "1", "-1", "1.5", "true", "up", "5m", "[]", "{}", "[a]", "{a: b}", "!!str 5m", "!!int 5",
		"!!binary aGk=", "!!binary /w==", "!x y", "!!null x", "!!float 1", "2020-01-01", "0x1f", ".nan", "*last", "'{{ x }}'", "<<")
	if s == "*last" {
		if w.anchors == 0 {
			return "~"
		}
		return fmt.Sprintf("*a%d", w.IntN(w.anchors))
	}
	return s
}

// value is usual or odd, and sometimes anchored.
func (w *writer) value(usual string) string {
	usual = w.rare(25, w.odd(), usual)
	if strings.HasPrefix(usual, "*") || w.IntN(8) > 0 {
		return usual
	}
	w.anchors++
	// The anchor is complete only behind its value, which names older ones.
	return fmt.Sprintf("&a%d %s", w.anchors-1, usual)
}

func (w *writer) mapping(fields ...string) string {
	var parts []string
	for i := 0; i+1 < len(fields); i += 2 {
		if w.IntN(3) == 0 && i > 2 {
			continue
		}
		key := fields[i]
		if w.IntN(80) == 0 {
			key = w.pick("foo", "~", "1", "''", "[x]", "expr", "!!binary ZXhwcg==", "a")
		}
		parts = append(parts, key+": "+w.value(fields[i+1]))
	}
	if w.IntN(12) == 0 && w.anchors > 0 {
		merge := fmt.Sprintf("*a%d", w.IntN(w.anchors))
		parts = append(parts, "<<: "+w.pick(merge, "["+merge+"]", "{for: 1m}", "{a: b}", "[{a: b}, "+merge+"]"))
	}
	w.Shuffle(len(parts), func(i, j int) {
		// A merge stays last: anchors must stay before their aliases.
		if !strings.Contains(parts[i]+parts[j], "*") && !strings.Contains(parts[i]+parts[j], "&") {
			parts[i], parts[j] = parts[j], parts[i]
		}
	})
	return "{" + strings.Join(parts, ", ") + "}"
}

func (w *writer) texts() string {
	return w.mapping("a", "b", w.pick("c", "__name__", "ü", "severity"), w.pick("'{{ $value }}'", "'{{ $x }}'", "1", "~"))
}

func (w *writer) duration() string {
	return w.rare(10, w.pick("5", "-5m", "5x", "''"), w.pick("5m", "0", "1h30m"))
}

func (w *writer) rule() string {
	expr := w.pick("up", "up == 0", "1", "'rate(up[5m])'", "'{a=\"b\"}'", w.rare(5, "up(", "up"), "'up[5m]'")
	if w.IntN(3) == 0 {
		return w.mapping("record", w.pick("a:b", "a b", "x"), "expr", expr, "labels", w.texts(),
			"for", w.rare(6, "1m", "0"))
	}
	return w.mapping("alert", w.pick("A", "B", "1"), "expr", expr, "for", w.duration(), "keep_firing_for", w.duration(),
		"labels", w.texts(), "annotations", w.texts())
}

func (w *writer) list(of func() string, most int) string {
	var parts []string
	for range w.IntN(most + 1) {
		parts = append(parts, w.value(of()))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func (w *writer) group() string {
	return w.mapping("name", w.pick("a", "b", "c", "d", "1", "'e'"), "rules", w.list(w.rule, 3), "interval", w.duration(),
		"query_offset", w.duration(), "limit", w.pick("0", "5", "-1", "1.0"), "labels", w.texts())
}

func TestVerdictOnRandomFiles(t *testing.T) {
	accepted, parsed := 0, 0
	for seed := range uint64(1500) {
		w := &writer{Rand: rand.New(rand.NewPCG(seed, 0))}
		in := "groups: " + w.list(w.group, 3) + "\n"
		ok, errs := prometheusAccepts([]byte(in))
		file := Options{}.parse("f.yml", []byte(in))
		if ok != (len(file.Problems) == 0) {
			t.Errorf("seed %d: Prometheus accepts: %v %v\nwe say: %v\n%s", seed, ok, errs, file.Problems, in)
		}
		checkInvariants(t, file, []byte(in))
		if ok {
			accepted++
		}
		if len(errs) == 0 || !strings.HasPrefix(errs[0].Error(), "yaml: line") && !strings.HasPrefix(errs[0].Error(), "yaml: unknown") {
			parsed++
		}
	}
	// The pieces must be neither too good nor too bad to tell us anything.
	if accepted < 150 || accepted > 1350 || parsed < 1100 {
		t.Errorf("of 1500 files %d are YAML and %d are accepted", parsed, accepted)
	}
}

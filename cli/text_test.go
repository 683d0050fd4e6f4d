package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"
	"go.yaml.in/yaml/v3"
)

// hostile are texts that would do something to a terminal.
var hostile = []string{
	"\x1b[31mred", "\u009b31mred", "a\nb\rc", "\a\b\x7f", "bad \xff utf-8", "\u202eright to left", "\u2066isolated", "zero\u200bwidth", "\u2028line", "\U000e0041tag",
}

func FuzzPlain(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range Plain(s) {
			if !unicode.IsPrint(r) {
				t.Errorf("%q keeps %U", s, r)
			}
		}
	})
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"plain text":        "plain text",
		"größe 数 العربية":   "größe 数 العربية",
		"\x1b[31mred":       `\x1b[31mred`,
		"\u009b31m":         `\u009b31m`,
		"two\nlines\tand":   "two lines and",
		"bad \xff":          `bad \xff`,
		"\u202eback":        `\u202eback`,
		"\U000e0041":        `\U000e0041`,
		`it's "quoted" \ x`: `it's "quoted" \ x`,
	} {
		if got := Plain(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestJSONIsTheSame: what is escaped for terminals says the same to programs.
func TestJSONIsTheSame(t *testing.T) {
	for _, s := range append(hostile, "größe 数 \U0001f525", `"\u001b"`) {
		raw, err := json.Marshal(map[string]string{"a": s})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := writeJSON(&b, raw); err != nil {
			t.Fatal(err)
		}
		var was, is map[string]string
		if err := json.Unmarshal(raw, &was); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b.Bytes(), &is); err != nil || is["a"] != was["a"] {
			t.Errorf("%q became %s: %v", s, b.String(), err)
		}
		for _, r := range b.String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("%q is written with %U", s, r)
			}
		}
	}
}

func TestYAML(t *testing.T) {
	var b bytes.Buffer
	if err := writeYAML(&b, json.RawMessage(`[{"name":"A","value":"1","on":true,"n":1.5,"labels":{"b":"\u001b[31m","a":"no"},"none":[],"at":"2026-11-22T03:12:40Z"}]`)); err != nil {
		t.Fatal(err)
	}
	want := `- name: A
  value: "1"
  "on": true
  "n": 1.5
  labels:
    b: "\e[31m"
    a: "no"
  none: []
  at: "2026-11-22T03:12:40Z"
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What a target brings along neither breaks the YAML nor reaches the terminal.
func TestYAMLIsText(t *testing.T) {
	for _, s := range []string{"\u202egnp.exe", "a\u007fb", "\u009b31m", "\ufeffx", "\U000e0041tag", "\U0001f514 bell", "two\nlines \u202e", "no\u00a0break", "\u2028", "plain"} {
		raw, err := json.Marshal(map[string]string{s: s})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := writeYAML(&b, raw); err != nil {
			t.Errorf("%q: %v", s, err)
			continue
		}
		var got map[string]string
		if err := yaml.Unmarshal(b.Bytes(), &got); err != nil || got[s] != s {
			t.Errorf("%q became %s: %v", s, b.String(), err)
		}
		for _, r := range b.String() {
			if !isText(r) {
				t.Errorf("%q is written with %U", s, r)
			}
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		in    string
		width int
		want  []string
	}{
		{"one two three", 0, []string{"one two three"}},
		{"one two three", 7, []string{"one two", "three"}},
		{"", 5, []string{""}},
		{`a="1",b="2",c="3"`, 12, []string{`a="1",b="2",`, `c="3"`}},
		{"abcdefgh", 3, []string{"abc", "def", "gh"}},
		{"数数数", 4, []string{"数数", "数"}},
		{"数", 1, []string{"数"}},
	} {
		if diff := cmp.Diff(tt.want, wrap(tt.in, tt.width)); diff != "" {
			t.Errorf("%q in %d (-want +got):\n%s", tt.in, tt.width, diff)
		}
	}
}

func TestTable(t *testing.T) {
	rows := [][]cell{{{"firing", bad}, text("数据"), text("a long text that does not fit into its column at all")}, {text("x"), text("\x1b[1m"), text("y")}}
	print := func(s screen) string {
		var b bytes.Buffer
		s.w = &b
		s.table([]string{"STATE", "NAME", "ABOUT"}, rows)
		return b.String()
	}
	want := "STATE   NAME     ABOUT\nfiring  数据     a long text that does not fit into its column at all\nx       \\x1b[1m  y\n"
	if diff := cmp.Diff(want, print(screen{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for line := range strings.Lines(print(screen{width: 45})) {
		if w := runewidth.StringWidth(strings.TrimSuffix(line, "\n")); w > 45 {
			t.Errorf("%q is %d wide", line, w)
		}
	}
	coloured := print(screen{colour: true})
	if !strings.Contains(coloured, "\x1b[31mfiring\x1b[0m") || strings.Contains(coloured, "\x1b[1m") {
		t.Errorf("colours: %q", coloured)
	}
}

func TestSelector(t *testing.T) {
	for in, want := range map[string]string{
		`severity=critical`:         `{severity="critical"}`,
		`host=~edge.*|host!=edge-1`: `{host=~"edge.*|host!=edge-1"}`,
		`host=~"edge.*"`:            `{host=~"edge.*"}`,
		`a!=`:                       `{a!=""}`,
		`a!~x`:                      `{a!~"x"}`,
		`path=C:\x`:                 `{path="C:\\x"}`,
		`a=x"} or {b="`:             `{a="x\"} or {b=\""}`,
		`a=~(`:                      ``,
		`severity`:                  ``,
		`=x`:                        ``,
		`alertname = "two words"`:   `{alertname="two words"}`,
	} {
		got, err := selector([]string{in})
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %s %v, want %s", in, got, err, want)
		}
	}
	if got, err := selector([]string{"a=1", "b=2"}); err != nil || got != `{a="1",b="2"}` {
		t.Errorf("two: %s %v", got, err)
	}
}

func TestMoments(t *testing.T) {
	now := time.Date(2026, 11, 22, 3, 12, 40, 0, time.UTC)
	for d, want := range map[time.Duration]string{0: "now", -90 * time.Minute: "1 h 30 min ago", 2 * time.Minute: "in 2 min"} {
		if got := moment(now.Add(d), now); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
	if got := moment(time.Time{}, now); got != "never" {
		t.Errorf("zero: %q", got)
	}
	if got := fmt.Sprint(took(0.0000123), " ", took(1.5)); got != "12 µs 1 s" {
		t.Errorf("took: %q", got)
	}
}

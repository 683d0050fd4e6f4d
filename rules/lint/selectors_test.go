package lint

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin/tocsin/rules"
)

func TestSelectors(t *testing.T) {
	in := `groups:
- name: g
  rules:
  - alert: A
    expr: |
      rate(a{x="y"}[5m] offset 1h) / a{x="y"} > on() b @ 0
        or absent(c) or absent_over_time(d[5m]) or ALERTS{alertname="A"} > 0 or r
        or {__name__=~"e.*"} or {__name__="f", x!~"z"} or max_over_time(sum(h)[1h:5m])
  - record: r
    expr: up
`
	file := rules.Parse("f.yml", []byte(in))
	if len(file.Problems) > 0 {
		t.Fatal(file.Problems)
	}
	lines := strings.Split(in, "\n")
	want := [][3]string{
		{`a{x="y"}`, "a", "1"}, {"b", "b", "0"}, {`{__name__=~"e.*"}`, "", "1"}, {`{__name__="f",x!~"z"}`, "f", "1"}, {"h", "h", "0"},
	}
	var got [][3]string
	for _, s := range New(Options{}, file.Groups).Selectors(&file, &file.Groups[0].Rules[0]) {
		got = append(got, [3]string{s.Text, s.Name, string(rune('0' + len(s.Matchers)))})
		if at := lines[s.Pos.Line-1][s.Pos.Column-1:]; at[0] != s.Text[0] {
			t.Errorf("%s: points to %q", s.Text, at)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

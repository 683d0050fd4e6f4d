package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

var bodies = []struct {
	in string
	ok bool
}{
	{"", true},
	{"{}", true},
	{" \r\n\t", true},
	{"\n{ }\n", true},
	{`{"Name":"x"}`, true},
	{`{"A":{"B":[1,2,{}]},"A":null}`, true},
	{"null", false},
	{"[]", false},
	{"0", false},
	{`"{}"`, false},
	{"{", false},
	{"{}}", false},
	{"{} x", false},
	{"{}{}", false},
	{"{'a':1}", false},
	{"a=b", false},
	{"\x00", false},
	{"\ufeff{}", false},
	{strings.Repeat("[", 20000), false},
	{strings.Repeat(" ", maxBody), true},
	{strings.Repeat(" ", maxBody+1), false},
	{`{"a":"` + strings.Repeat("a", maxBody) + `"}`, false},
}

func TestCheckBody(t *testing.T) {
	for _, tt := range bodies {
		err := checkBody(strings.NewReader(tt.in))
		if (err == nil) != tt.ok {
			t.Errorf("%.30q: error %v, want ok %t", tt.in, err, tt.ok)
		}
		if err != nil && !errors.Is(err, errBodyKind) {
			t.Errorf("%.30q: %q does not say what is expected", tt.in, err)
		}
	}
}

func FuzzCheckBody(f *testing.F) {
	for _, tt := range bodies {
		f.Add([]byte(tt.in))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := checkBody(bytes.NewReader(body))
		trimmed := bytes.Trim(body, " \t\r\n")
		want := len(body) <= maxBody && (len(trimmed) == 0 || trimmed[0] == '{' && json.Valid(trimmed))
		if (err == nil) != want {
			t.Errorf("%q: error %v, want ok %t", body, err, want)
		}
	})
}

func TestErrorText(t *testing.T) {
	a, b := errors.New("a"), errors.New("b")
	for _, tt := range []struct {
		in   error
		want string
	}{
		{a, "a"},
		{errors.New("a\n\nb\r\nc"), "a; b; c"},
		{errors.Join(a, b), "a\nb"},
		{fmt.Errorf("open: %w", errors.Join(a, b)), "open: a; b"},
		{fmt.Errorf("%w: %w", a, b), "a: b"},
		{errors.New("\xff"), "\uFFFD"},
	} {
		if got := errorText(tt.in); got != tt.want {
			t.Errorf("errorText(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestErrorTextIsBounded(t *testing.T) {
	var many []error
	for i := range 1000 {
		many = append(many, fmt.Errorf("rules/%d.yml: %s", i, strings.Repeat("é", 50)))
	}
	for name, err := range map[string]error{
		"many problems": errors.Join(many...),
		"one long one":  errors.New("x" + strings.Repeat("é", maxErr)),
	} {
		got := errorText(err)
		if len(got) > maxErr || len(got) < maxErr/2 || !utf8.ValidString(got) {
			t.Errorf("%s: %d bytes, valid %t", name, len(got), utf8.ValidString(got))
		}
	}
	got := errorText(errors.Join(many...))
	shown := strings.Count(got, "\n")
	if want := fmt.Sprintf("\nand %d more", len(many)-shown); !strings.HasSuffix(got, want) {
		t.Errorf("%d problems shown, and it ends with %q, want %q", shown, got[len(got)-20:], want)
	}
}

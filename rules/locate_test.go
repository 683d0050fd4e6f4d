package rules

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Each case marks with § the place in the file where the value's ! stands; the
// marks are taken out before the file is read.
func TestLocate(t *testing.T) {
	for _, tt := range []struct{ name, value, file string }{
		{"plain", "up + !down", "a: up + §down\n"},
		{"plain at the start", "!up", "a: §up\n"},
		{"plain at the end", "up!", "a: up§\n"},
		{"plain with comment", "up + !down", "a: up + §down # up + down\n"},
		{"plain over lines", "a b !c", "a: a\n  b\n  §c\n"},
		{"plain over empty lines", "a\nb !c", "a: a\n\n  b\n    §c\n"},
		{"single quoted", "a'b !c", "a: 'a''b §c'\n"},
		{"single quoted over lines", "a b !c", "a: 'a\n  b\n  §c'\n"},
		{"double quoted", "a\"b\\ !c", "a: \"a\\\"b\\\\ §c\"\n"},
		{"double quoted line break", "a\nb !c", "a: \"a\\nb §c\"\n"},
		{"double quoted continued", "ab!c", "a: \"a\\\n   b§c\"\n"},
		{"literal", "a\n  b\n!c\n", "a: |\n    a\n      b\n    §c\n"},
		{"literal with empty lines", "\n\na\n\n!c\n", "a: |\n\n\n  a\n\n  §c\n"},
		{"literal with indicator", "  a\n!c", "a: |2-\n    a\n  §c\n"},
		{"literal with comment in header", "a\n!c\n", "a: | # x\n  a\n  §c\n"},
		{"literal with number sign", "# a\n!c\n", "a: |\n  # a\n  §c\n"},
		{"folded", "a b\nc !d\n", "a: >\n  a\n  b\n\n  c\n  §d\n"},
		{"folded with more indented lines", "a\n  b\n!c\n", "a: >\n  a\n    b\n  §c\n"},
		{"anchored", "a !c", "a: &x a §c\n"},
		{"tagged", "a !c", "a: !!str a §c\n"},
		{"anchored and tagged", "a !c", "a: &x !!str 'a §c'\n"},
		{"anchored on a line of its own", "a !c", "a: &x\n  a §c\n"},
		{"anchored block", "a\n!c\n", "a: &x |\n  a\n  §c\n"},
		{"wide characters", "äöü !c", "ключ: äöü §c\n"},
		{"windows line ends", "a\n!c\n", "a: |\r\n  a\r\n  §c\r\n"},
		{"old line ends", "a\n!c\n", "a: |\r  a\r  §c\r"},
		{"byte order mark", "a !c", "\ufeffa: a §c\n"},
		{"flow", "a !c", "a: a §c\n"},
		{"escape that is not followed", "aé!c", "a: §\"a\\u00e9c\"\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			offset := strings.Index(tt.value, "!")
			value := strings.Replace(tt.value, "!", "", 1)
			content := strings.Replace(tt.file, "§", "", 1)
			var doc yaml.Node
			if err := yaml.Unmarshal([]byte(content), &doc); err != nil {
				t.Fatal(err)
			}
			n := doc.Content[0].Content[1]
			if n.Value != value {
				t.Fatalf("the file holds %q", n.Value)
			}
			want := markPosition(tt.file)
			if got := newSource([]byte(content)).locate(n, value, offset); got != want {
				t.Errorf("want %v, got %v", want, got)
			}
		})
	}
}

func markPosition(file string) Position {
	for i, line := range newSource([]byte(file)).lines {
		if before, _, ok := strings.Cut(line, "§"); ok {
			return Position{Line: i + 1, Column: len([]rune(before)) + 1}
		}
	}
	return Position{}
}

// Whatever does not fit together falls back to the node.
func TestLocateFallsBack(t *testing.T) {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: "up", Line: 1, Column: 4}
	for _, tt := range []struct {
		name    string
		content string
		node    yaml.Node
		value   string
		offset  int
	}{
		{"other text", "a: down\n", *n, "up", 1},
		{"other value", "a: up\n", *n, "down", 1},
		{"offset too large", "a: up\n", *n, "up", 3},
		{"offset negative", "a: up\n", *n, "up", -1},
		{"line beyond the file", "a: up\n", yaml.Node{Kind: yaml.ScalarNode, Value: "up", Line: 9, Column: 1}, "up", 1},
		{"column beyond the line", "a\n", *n, "up", 1},
		{"block at the end", "a: |", yaml.Node{Kind: yaml.ScalarNode, Style: yaml.LiteralStyle, Value: "up", Line: 1, Column: 4}, "up", 1},
		{"quote at the end", "a: \"", yaml.Node{Kind: yaml.ScalarNode, Style: yaml.DoubleQuotedStyle, Value: "up", Line: 1, Column: 4}, "up", 1},
		{"quote behind the end", "a: ", yaml.Node{Kind: yaml.ScalarNode, Style: yaml.DoubleQuotedStyle, Value: "up", Line: 1, Column: 4}, "up", 1},
		{"escape at the end", "a: \"\\", yaml.Node{Kind: yaml.ScalarNode, Style: yaml.DoubleQuotedStyle, Value: "up", Line: 1, Column: 4}, "up", 1},
		{"anchor without end", "a: &x", *n, "up", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := position(&tt.node)
			if got := newSource([]byte(tt.content)).locate(&tt.node, tt.value, tt.offset); got != want {
				t.Errorf("want %v, got %v", want, got)
			}
		})
	}
}

func TestSyntaxLine(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     Position
	}{
		{"first line", "a: b: c\n", Position{1, 1}},
		{"key after a list", "a:\n- b\n- c\n d: e\n", Position{4, 2}},
		{"far from its start", "a:\n" + strings.Repeat("- b: c\n", 500) + "  'd'd: e\n", Position{502, 3}},
		{"tab", "a:\n  b:\n \tc: d\n", Position{3, 2}},
		{"quote left open", "a: b\nc: 'd\ne: f\n", Position{2, 1}},
		{"quotes closed before", "x: 'a\n  b'\na: b\nc: 'd\ne: f\n", Position{4, 1}},
		{"control character", "a: b\nc: d\n\ne: \x01\n", Position{4, 1}},
		{"unknown anchor", "a: b\nc: d\n\ne: *x\n", Position{4, 1}},
		{"large file", "a: b\n" + strings.Repeat("# xxxxxxxxx\n", 100_000) + "c: d: e\n", Position{100_002, 1}},
		{"large file without a line", strings.Repeat("# xxxxxxxxx\n", 100_000) + "c: *x\n", Position{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := Options{}.parse("f.yml", []byte(tt.in))
			if len(file.Problems) != 1 || file.Problems[0].Pos != tt.want {
				t.Errorf("want %v, got %v", tt.want, file.Problems)
			}
		})
	}
}

package rules

import (
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// source is the text of a file, to find the place of a part of a value.
type source struct {
	lines []string // without their line breaks
}

func newSource(content []byte) *source {
	text := strings.TrimPrefix(string(content), "\ufeff")
	// These are the line breaks that the YAML parser counts.
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(text)
	return &source{lines: strings.Split(text, "\n")}
}

// locate is the position of value[offset] in the file, where value is what the
// node n decodes to. Quoting, folding and indentation make this a search: it
// walks the file's text and the value side by side, and where they part it
// gives up and returns the position of the node.
func (s *source) locate(n *yaml.Node, value string, offset int) Position {
	fallback := position(n)
	n = resolve(n)
	if n.Kind != yaml.ScalarNode || n.Value != value || offset < 0 || offset > len(value) {
		return fallback
	}
	cur, ok := s.begin(n)
	if !ok || !cur.follow(value[:offset], n.Style) {
		return fallback
	}
	if strings.TrimLeft(value[offset:], " \t\n") != "" {
		cur.skipSpace()
	}
	return cur.pos()
}

// begin is the place where the text of a scalar begins, behind its quote, block
// header, anchor and tag.
func (s *source) begin(n *yaml.Node) (cursor, bool) {
	if n.Line < 1 || n.Line > len(s.lines) {
		return cursor{}, false
	}
	cur := cursor{lines: s.lines, line: n.Line - 1}
	for range n.Column - 1 {
		if _, ok := cur.next(); !ok {
			return cursor{}, false
		}
	}
	for strings.HasPrefix(cur.rest(), "&") || strings.HasPrefix(cur.rest(), "!") {
		word, _, _ := strings.Cut(cur.rest(), " ")
		cur.column += len(word)
		cur.skipSpace()
	}
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		cur.line, cur.column = cur.line+1, 0
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		cur.next()
	}
	return cur, cur.line < len(s.lines)
}

// cursor is a place in the lines of a file.
type cursor struct {
	lines        []string
	line, column int // from 0; the column counts bytes
}

func (c *cursor) rest() string { return c.lines[c.line][c.column:] }

// next steps over one character of the line.
func (c *cursor) next() (rune, bool) {
	r, size := utf8.DecodeRuneInString(c.rest())
	if size == 0 {
		return 0, false
	}
	c.column += size
	return r, true
}

// skipSpace steps over white space and line breaks.
func (c *cursor) skipSpace() {
	for {
		rest := c.rest()
		c.column += len(rest) - len(strings.TrimLeft(rest, " \t"))
		if c.rest() != "" || c.line+1 == len(c.lines) {
			return
		}
		c.line, c.column = c.line+1, 0
	}
}

// follow walks over the source of value. White space does not count: folding
// and indentation change it, and nothing else.
func (c *cursor) follow(value string, style yaml.Style) bool {
	for _, want := range value {
		if want == ' ' || want == '\t' || want == '\n' {
			continue
		}
		got, ok := c.character(style)
		if !ok || got != want {
			return false
		}
	}
	return true
}

// character steps over one character that is not white space, undoing the
// quoting of the style.
func (c *cursor) character(style yaml.Style) (rune, bool) {
	for {
		c.skipSpace()
		r, ok := c.next()
		switch {
		case !ok:
			return 0, false
		case style&yaml.SingleQuotedStyle != 0 && r == '\'':
			r, ok = c.next()
			return r, ok && r == '\''
		case style&yaml.DoubleQuotedStyle != 0 && r == '\\':
			if c.rest() == "" {
				continue // the line goes on
			}
			r, _ = c.next()
			if strings.ContainsRune("nt \t", r) {
				continue
			}
			return r, strings.ContainsRune(`"\/`, r)
		default:
			return r, true
		}
	}
}

// pos is the place as people count: from 1, columns in characters.
func (c *cursor) pos() Position {
	before := c.lines[c.line][:c.column]
	return Position{Line: c.line + 1, Column: utf8.RuneCountInString(before) + 1}
}

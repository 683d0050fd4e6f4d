package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// style is how a text looks on a terminal that has colours: the parameters of an SGR
// sequence.
type style string

const (
	normal style = ""
	bold   style = "1"
	faint  style = "2"
	good   style = "32"
	warn   style = "33"
	bad    style = "31"
)

// screen is where people read.
type screen struct {
	w io.Writer
	// width is that of the terminal; 0 where lines are as long as they are.
	width  int
	colour bool
}

// newScreen finds out what w is. Colours are for terminals, and not where NO_COLOR is
// set (no-color.org) or the terminal is dumb.
func newScreen(w io.Writer, getenv func(string) string) *screen {
	s := &screen{w: w}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return s
	}
	s.colour = getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	if width, _, err := term.GetSize(int(f.Fd())); err == nil {
		s.width = width
	}
	return s
}

// paint gives a text its style. The text must be plain.
func (s *screen) paint(text string, st style) string {
	if !s.colour || st == normal || text == "" {
		return text
	}
	return "\x1b[" + string(st) + "m" + text + "\x1b[0m"
}

// line prints texts, in one line or as many as the width asks for; later ones are
// indented.
func (s *screen) line(indent int, text string, st style) {
	for i, part := range wrap(Plain(text), s.room(indent)) {
		by := indent
		if i > 0 {
			by += 2
		}
		fmt.Fprintln(s.w, strings.Repeat(" ", by)+s.paint(part, st))
	}
}

// room is the width that is left after an indent; 0 is without end.
func (s *screen) room(indent int) int {
	if s.width == 0 {
		return 0
	}
	return max(s.width-indent-2, 20)
}

// title begins a section.
func (s *screen) title(text string) {
	fmt.Fprintln(s.w)
	fmt.Fprintln(s.w, s.paint(strings.ToUpper(text), bold))
}

// cell is a text of a table.
type cell struct {
	text  string
	style style
}

func text(s string) cell { return cell{text: s} }

// table prints rows below heads, aligned. What does not fit into the width of the
// screen goes on below in its column: the last one gives way.
func (s *screen) table(heads []string, rows [][]cell) {
	if len(heads) > 0 {
		head := make([]cell, len(heads))
		for i, h := range heads {
			head[i] = cell{h, faint}
		}
		rows = append([][]cell{head}, rows...)
	}
	widths := columnWidths(rows)
	last := len(widths) - 1
	if last < 0 {
		return
	}
	before := 0
	for _, w := range widths[:last] {
		before += w + 2
	}
	rest := 0
	if s.width > 0 {
		rest = max(s.width-before, 20)
	}
	for _, row := range rows {
		parts := []string{""}
		if len(row) > last {
			parts = wrap(Plain(row[last].text), rest)
		}
		for i, part := range parts {
			var b strings.Builder
			for j := range last {
				t, st := "", normal
				if i == 0 && j < len(row) {
					t, st = Plain(row[j].text), row[j].style
				}
				b.WriteString(s.paint(t, st) + strings.Repeat(" ", widths[j]-runewidth.StringWidth(t)+2))
			}
			if len(row) > last {
				b.WriteString(s.paint(part, row[last].style))
			}
			fmt.Fprintln(s.w, strings.TrimRight(b.String(), " "))
		}
	}
}

func columnWidths(rows [][]cell) (widths []int) {
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], runewidth.StringWidth(Plain(c.text)))
		}
	}
	return widths
}

// wrap breaks a line at spaces so that no part is wider than width; a word that is
// wider is broken too. A width of 0 is without end.
func wrap(line string, width int) []string {
	if width <= 0 || runewidth.StringWidth(line) <= width {
		return []string{line}
	}
	var parts []string
	current := ""
	for _, word := range strings.Split(line, " ") {
		for runewidth.StringWidth(word) > width {
			if current != "" {
				parts, current = append(parts, current), ""
			}
			head := runewidth.Truncate(word, width, "")
			if head == "" { // one character wider than all there is
				return append(parts, word)
			}
			if comma := strings.LastIndexByte(head, ','); comma > 0 { // between labels
				head = head[:comma+1]
			}
			parts, word = append(parts, head), word[len(head):]
		}
		switch {
		case current == "":
			current = word
		case runewidth.StringWidth(current)+1+runewidth.StringWidth(word) > width:
			parts, current = append(parts, current), word
		default:
			current += " " + word
		}
	}
	return append(parts, current)
}

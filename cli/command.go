package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Exit codes of the commands.
const (
	// ExitOK: nothing fires, and nothing needs attention.
	ExitOK = 0
	// ExitFailure: Tocsin could not be asked, or has failed to answer.
	ExitFailure = 1
	// ExitUsage: the question makes no sense, or names a rule that is not there.
	ExitUsage = 2
	// ExitAttention: something fires, or needs attention.
	ExitAttention = 3
)

// Formats of the output.
const (
	Table = "table"
	JSON  = "json"
	YAML  = "yaml"
)

// Command prints what a Tocsin answers.
type Command struct {
	Client *Client
	// Format is Table, JSON or YAML.
	Format string
	Out    io.Writer
	Getenv func(string) string
	// Now is the present, for "5 min ago"; nil is the wall clock.
	Now func() time.Time
}

func (c *Command) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// answer asks a path and prints the answer as it is, or decoded by the table func.
func answer[T any](ctx context.Context, c *Command, path string, params url.Values, table func(s *screen, data *T)) (*T, error) {
	raw, err := c.Client.get(ctx, path, params)
	if err != nil {
		return nil, err
	}
	data := new(T)
	if err := json.Unmarshal(raw, data); err != nil {
		return nil, fmt.Errorf("the answer cannot be read: %w", err)
	}
	switch c.Format {
	case JSON:
		err = writeJSON(c.Out, raw)
	case YAML:
		err = writeYAML(c.Out, raw)
	default: // all at once: a pipe that breaks does so once
		var b bytes.Buffer
		s := newScreen(c.Out, c.Getenv)
		s.w = &b
		table(s, data)
		_, err = c.Out.Write(b.Bytes())
	}
	return data, err
}

// Code is the exit code for an error.
func Code(err error) int {
	answered := (*AnswerError)(nil)
	if errors.As(err, &answered) && (answered.Code == http.StatusBadRequest || answered.Code == http.StatusNotFound) {
		return ExitUsage
	}
	return ExitFailure
}

// writeJSON indents JSON, and writes what a terminal could take for more than text as
// escapes, which are the same in JSON.
func writeJSON(w io.Writer, raw json.RawMessage) error {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return err
	}
	out := escape(b.String(), func(out []byte, r rune) []byte {
		high, low := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
		return fmt.Appendf(out, `\u%04x\u%04x`, high, low)
	})
	_, err := w.Write(append(out, '\n'))
	return err
}

// writeYAML writes JSON in the style of YAML and in the same order. JSON is YAML but
// for some characters, which have to be escapes.
func writeYAML(w io.Writer, raw json.RawMessage) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(escape(string(raw), utf8.AppendRune), &doc); err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	restyle(&doc)
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(&doc), enc.Close()); err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	_, err := w.Write(escape(b.String(), func(out []byte, r rune) []byte { return fmt.Appendf(out, `\U%08x`, r) }))
	return err
}

// escape writes what is more than text to a terminal as escapes, as JSON and YAML
// have them in quotes; wide writes characters of more than four digits.
func escape(s string, wide func(out []byte, r rune) []byte) []byte {
	out := make([]byte, 0, len(s)+1)
	for _, r := range s {
		switch {
		case isText(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			out = wide(out, r)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// isText tells whether a character is no more to a terminal than what it looks like.
func isText(r rune) bool { return r == '\n' || unicode.IsPrint(r) }

// restyle leaves out the quotes of strings that need none: those that the encoder
// itself would write without, which knows what older versions of YAML took for more
// than a string. Only in quotes there are escapes.
func restyle(n *yaml.Node) {
	quoted := n.Kind == yaml.ScalarNode && n.Tag == "!!str"
	if quoted {
		bare, err := yaml.Marshal(n.Value)
		quoted = err != nil || strings.HasPrefix(string(bare), `"`) || strings.HasPrefix(string(bare), "'") ||
			strings.ContainsFunc(n.Value, func(r rune) bool { return !isText(r) })
	}
	n.Style = 0
	if quoted {
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, child := range n.Content {
		restyle(child)
	}
}

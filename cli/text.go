package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tocsin/tocsin/api"
)

// Plain is a text that is safe to print: what would move the cursor, change colours or
// the direction of writing is shown as an escape, and it is one line.
func Plain(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsSpace(r) && r != '\u0085':
			b.WriteByte(' ')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
		i += size
	}
	return b.String()
}

// moment is a time as a table has it: how long ago, or ahead.
func moment(at, now time.Time) string {
	d := now.Sub(at)
	switch {
	case at.IsZero():
		return "never"
	case d > -time.Second && d < time.Second:
		return "now"
	case d < 0:
		return "in " + api.SpanText(-d)
	}
	return api.SpanText(d) + " ago"
}

// clock is a time as such, in UTC.
func clock(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }

// took is the duration of an evaluation, which may be some microseconds.
func took(seconds float64) string {
	if d := api.Seconds(seconds); d < time.Millisecond {
		return fmt.Sprintf("%d µs", d.Round(time.Microsecond).Microseconds())
	}
	return api.SpanText(api.Seconds(seconds))
}

// labelsText are labels in the order of their names, without some.
func labelsText(ls map[string]string, without ...string) string {
	rest := make(map[string]string, len(ls))
	for name, value := range ls {
		rest[name] = value
	}
	for _, name := range without {
		delete(rest, name)
	}
	return strings.Trim(api.LabelsText(rest), "{}")
}

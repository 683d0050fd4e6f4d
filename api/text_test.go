package api

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

func TestValue(t *testing.T) {
	for v, want := range map[Value]string{
		0: `"0"`, 1.5: `"1.5"`, 1e21: `"1000000000000000000000"`, Value(math.Inf(-1)): `"-Inf"`, 1.0 / 3: `"0.3333333333333333"`,
	} {
		b, err := json.Marshal(v)
		if err != nil || string(b) != want {
			t.Errorf("%v: %s %v, want %s", float64(v), b, err, want)
		}
		var back Value
		if err := json.Unmarshal(b, &back); err != nil || back != v {
			t.Errorf("%s is read as %v: %v", b, float64(back), err)
		}
	}
	b, err := json.Marshal(Value(math.NaN()))
	var back Value
	if err != nil || string(b) != `"NaN"` || json.Unmarshal(b, &back) != nil || !math.IsNaN(float64(back)) {
		t.Errorf("NaN: %s %v, read as %v", b, err, float64(back))
	}
	for _, bad := range []string{`1`, `"x"`, `{}`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s is read as %v", bad, float64(back))
		}
	}
	for v, want := range map[Value]string{1: "1", 0.123456789: "0.123457", 1e20: "1e+20", Value(math.Inf(1)): "+Inf"} {
		if got := v.String(); got != want {
			t.Errorf("%v as text: %s, want %s", float64(v), got, want)
		}
	}
}

func TestLabelsText(t *testing.T) {
	for want, ls := range map[string]map[string]string{
		`{}`:                  nil,
		`up`:                  {"__name__": "up"},
		`up{a="1",b="\"x\""}`: {"b": `"x"`, "__name__": "up", "a": "1"},
		`{a=""}`:              {"a": ""},
	} {
		if got := LabelsText(ls); got != want {
			t.Errorf("%v: got %s, want %s", ls, got, want)
		}
	}
}

// TestTimesAreLeftOut: what does not apply is not there.
func TestTimesAreLeftOut(t *testing.T) {
	b, err := json.Marshal(Delivery{ToldAt: Instant(time.Date(2026, 11, 22, 4, 0, 0, 1234567, time.FixedZone("", 3600))), NextTry: Instant(time.Time{})})
	if want := `{"alertmanager":"","state":"","toldAt":"2026-11-22T03:00:00.001Z"}`; err != nil || string(b) != want {
		t.Errorf("got %s %v, want %s", b, err, want)
	}
}

package alert

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// TestAppendJSON: what is appended means what encoding/json would have written.
func TestAppendJSON(t *testing.T) {
	for _, text := range []string{"", "plain text_1", `"quoted" \ and`, "line\nand\ttab", "größer als 1", "<a href='x'>&", "\x00\x7f", "bad \xff utf-8", "\u2028"} {
		var got, want string
		marshalled, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(AppendJSONString(nil, text), &got); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if err := json.Unmarshal(marshalled, &want); err != nil || got != want {
			t.Errorf("%q reads back as %q, want %q (%v)", text, got, want, err)
		}
		var ls labels.Labels
		in := labels.FromStrings("a", want, "b", "2")
		if err := json.Unmarshal(AppendJSONLabels(nil, in), &ls); err != nil || !labels.Equal(ls, in.WithoutEmpty()) && !labels.Equal(ls, in) {
			t.Errorf("labels %v read back as %v (%v)", in, ls, err)
		}
	}
	at := time.Date(2026, 5, 1, 2, 3, 4, 567, time.FixedZone("x", 3600))
	b, err := AppendJSONTimes([]byte(`{"N":"2026-05-01T00:00:00Z"`), JSONTime{"At", at}, JSONTime{"Zero", time.Time{}})
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ N, At time.Time }
	if err := json.Unmarshal(append(b, '}'), &got); err != nil || !got.At.Equal(at) {
		t.Errorf("the time reads back as %v, want %v (%v)", got.At, at, err)
	}
	if _, err := AppendJSONTimes(nil, JSONTime{"At", time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}); err == nil {
		t.Error("the year 10000 is no error")
	}
}

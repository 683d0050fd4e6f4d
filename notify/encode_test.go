package notify

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-openapi/strfmt"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/alertmanager/api/v2/models"
)

// TestProducer: what goes out means what the library would have written.
func TestProducer(t *testing.T) {
	at := time.Date(2026, 5, 1, 2, 3, 4, 567_890_123, time.UTC)
	full := &models.PostableAlert{
		Alert:       models.Alert{Labels: models.LabelSet{"b": `"2" <ü>`, "a": "1\n"}, GeneratorURL: "http://h/graph?g0.expr=x%3E1&a=b"},
		Annotations: models.LabelSet{"summary": "all\tis well"},
		StartsAt:    strfmt.DateTime(at), EndsAt: strfmt.DateTime(at.Add(time.Minute)),
	}
	for _, alerts := range []models.PostableAlerts{{}, {full}, {full, {Alert: models.Alert{Labels: models.LabelSet{}}}, full}} {
		var got, want any
		var b bytes.Buffer
		if err := producer(&b, alerts); err != nil {
			t.Fatal(err)
		}
		theirs, err := json.Marshal(alerts)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v", b.String(), err)
		}
		if err := json.Unmarshal(theirs, &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the body of %d alerts (-library +ours):\n%s", len(alerts), diff)
		}
	}
}

package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

// record is how an alert stands in the file: JSON, so that a person with a bbolt
// browser can read it and later versions can add to it.
type record struct {
	Rule            alert.RuleID  `json:"rule"`
	State           string        `json:"state"`
	Labels          labels.Labels `json:"labels"`
	Annotations     labels.Labels `json:"annotations"`
	Value           string        `json:"value"`
	ActiveAt        time.Time     `json:"active_at,omitzero"`
	FiredAt         time.Time     `json:"fired_at,omitzero"`
	ResolvedAt      time.Time     `json:"resolved_at,omitzero"`
	KeepFiringSince time.Time     `json:"keep_firing_since,omitzero"`
	HeldSince       time.Time     `json:"held_since,omitzero"`
	LastSentAt      time.Time     `json:"last_sent_at,omitzero"`
	ValidUntil      time.Time     `json:"valid_until,omitzero"`
}

func encode(r alert.Record) ([]byte, error) {
	a := r.Alert
	return json.Marshal(record{
		Rule: r.Rule, State: a.State.String(), Labels: a.Labels, Annotations: a.Annotations,
		Value: fmt.Sprint(a.Value), ActiveAt: a.ActiveAt, FiredAt: a.FiredAt, ResolvedAt: a.ResolvedAt,
		KeepFiringSince: a.KeepFiringSince, HeldSince: a.HeldSince, LastSentAt: a.LastSentAt, ValidUntil: a.ValidUntil,
	})
}

func decode(v []byte) (alert.Record, error) {
	var r record
	if err := json.Unmarshal(v, &r); err != nil {
		return alert.Record{}, err
	}
	a := alert.Alert{
		Labels: r.Labels, Annotations: r.Annotations, ActiveAt: r.ActiveAt, FiredAt: r.FiredAt,
		ResolvedAt: r.ResolvedAt, KeepFiringSince: r.KeepFiringSince, HeldSince: r.HeldSince,
		LastSentAt: r.LastSentAt, ValidUntil: r.ValidUntil,
	}
	if _, err := fmt.Sscan(r.Value, &a.Value); err != nil {
		return alert.Record{}, fmt.Errorf("value %q: %w", r.Value, err)
	}
	for _, s := range []alert.State{alert.Inactive, alert.Pending, alert.Firing} {
		if s.String() == r.State {
			a.State = s
			return alert.Record{Rule: r.Rule, Alert: a}, nil
		}
	}
	return alert.Record{}, fmt.Errorf("state %q is not known", r.State)
}

// key is the place of a record: a hash of its rule, then its fingerprint.
func key(k alert.Key) []byte {
	rule, err := json.Marshal(k.Rule)
	if err != nil {
		panic(err) // strings and an int
	}
	sum := sha256.Sum256(rule)
	return binary.BigEndian.AppendUint64(sum[:16], uint64(k.Fingerprint))
}

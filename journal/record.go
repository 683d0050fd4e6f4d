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
	ActiveAt        time.Time     `json:"active_at"`
	FiredAt         time.Time     `json:"fired_at"`
	ResolvedAt      time.Time     `json:"resolved_at"`
	KeepFiringSince time.Time     `json:"keep_firing_since"`
	HeldSince       time.Time     `json:"held_since"`
	LastSentAt      time.Time     `json:"last_sent_at"`
	ValidUntil      time.Time     `json:"valid_until"`
}

// encoder writes records, most of which come one after the other of one rule.
type encoder struct {
	rule alert.RuleID
	text []byte // of rule; nil before the first
	sum  [16]byte
}

func (e *encoder) enter(rule alert.RuleID) {
	if e.text != nil && e.rule == rule {
		return
	}
	text, err := json.Marshal(rule)
	if err != nil {
		panic(err) // strings and an int
	}
	sum := sha256.Sum256(text)
	e.rule, e.text, e.sum = rule, text, [16]byte(sum[:16])
}

// key is the place of a record: a hash of its rule, then its fingerprint.
func (e *encoder) key(k alert.Key) []byte {
	e.enter(k.Rule)
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 24), e.sum[:]...), uint64(k.Fingerprint))
}

// encode writes what decode reads.
func (e *encoder) encode(r alert.Record) ([]byte, error) {
	e.enter(r.Rule)
	a := &r.Alert
	b := make([]byte, 0, len(e.text)+512)
	b = append(append(b, `{"rule":`...), e.text...)
	b = append(append(b, `,"state":"`...), a.State.String()...)
	b = alert.AppendJSONLabels(append(b, `","labels":`...), a.Labels)
	b = alert.AppendJSONLabels(append(b, `,"annotations":`...), a.Annotations)
	b = append(append(append(b, `,"value":"`...), fmt.Sprint(a.Value)...), '"')
	b, err := alert.AppendJSONTimes(b,
		alert.JSONTime{Name: "active_at", At: a.ActiveAt}, alert.JSONTime{Name: "fired_at", At: a.FiredAt},
		alert.JSONTime{Name: "resolved_at", At: a.ResolvedAt}, alert.JSONTime{Name: "keep_firing_since", At: a.KeepFiringSince},
		alert.JSONTime{Name: "held_since", At: a.HeldSince}, alert.JSONTime{Name: "last_sent_at", At: a.LastSentAt},
		alert.JSONTime{Name: "valid_until", At: a.ValidUntil})
	return append(b, '}'), err
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

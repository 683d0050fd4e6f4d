package notify

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

func newTestOutbox(capacity int) *outbox {
	return newOutbox(capacity, defaultLateHold, prometheus.NewGauge(prometheus.GaugeOpts{Name: "length"}), func([]alert.Receipt) {})
}

func msg(name string) *message {
	return newMessage(alert.Notification{Labels: labels.FromStrings("alertname", name)}, &dress{}, t0)
}

func endedMsg(name string) *message {
	m := msg(name)
	m.note.Resolved = true
	return m
}

func parcels(ms ...*message) []parcel {
	var out []parcel
	for _, m := range ms {
		out = append(out, parcel{message: m})
	}
	return out
}

func alertNames(ms []parcel) []string {
	var out []string
	for _, m := range ms {
		out = append(out, m.note.Labels.Get("alertname"))
	}
	return out
}

func TestOutboxOrder(t *testing.T) {
	o := newTestOutbox(10)
	first := []*message{msg("a"), msg("b"), msg("c")}
	o.put(first, t0)
	b2 := msg("b")
	o.put([]*message{b2, msg("d")}, t0)

	check := func(step string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, alertNames(o.next(10, nil, t0, 0))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
		if got := testutil.ToFloat64(o.length); got != float64(len(want)) {
			t.Errorf("%s: length metric %v, want %d", step, got, len(want))
		}
	}
	check("changed alerts keep their place", "a", "b", "c", "d")
	if diff := cmp.Diff([]string{"a", "b"}, alertNames(o.next(2, nil, t0, 0))); diff != "" {
		t.Errorf("limit (-want +got):\n%s", diff)
	}
	if got := o.next(10, nil, t0, 0)[1]; got.message != b2 {
		t.Error("next did not return the latest state")
	}
	o.settle(parcels(first...), true, t0)
	check("changed during the request: kept, at the end", "d", "b")
	o.settle(parcels(first...), true, t0)
	check("settled twice", "d", "b")
	o.settle(parcels(b2), true, t0)
	check("settled", "d")
}

func TestOutboxAlone(t *testing.T) {
	o := newTestOutbox(10)
	bad := msg("bad")
	alone := map[uint64]string{bad.key: "why"}
	o.put([]*message{msg("a"), bad, msg("c")}, t0)
	if diff := cmp.Diff([]string{"a", "c"}, alertNames(o.next(10, alone, t0, 0))); diff != "" {
		t.Errorf("others (-want +got):\n%s", diff)
	}
	o.settle(o.next(10, alone, t0, 0), true, t0)
	if diff := cmp.Diff([]string{"bad"}, alertNames(o.next(10, alone, t0, 0))); diff != "" {
		t.Errorf("alone (-want +got):\n%s", diff)
	}
}

func TestOutboxOverflow(t *testing.T) {
	o := newTestOutbox(3)
	if got := o.put([]*message{msg("a"), endedMsg("b"), msg("c")}, t0); got != 0 {
		t.Errorf("dropped %d within capacity", got)
	}
	if got := o.put([]*message{msg("a"), msg("d")}, t0); got != 1 {
		t.Errorf("dropped %d, want 1", got)
	}
	if diff := cmp.Diff([]string{"a", "c", "d"}, alertNames(o.next(10, nil, t0, 0))); diff != "" {
		t.Errorf("resolved alerts go first (-want +got):\n%s", diff)
	}
	if got := o.put([]*message{msg("e"), msg("f")}, t0); got != 2 {
		t.Errorf("dropped %d, want 2", got)
	}
	if diff := cmp.Diff([]string{"d", "e", "f"}, alertNames(o.next(10, nil, t0, 0))); diff != "" {
		t.Errorf("then the oldest (-want +got):\n%s", diff)
	}
}

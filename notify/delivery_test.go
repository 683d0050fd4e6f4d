package notify

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

func TestDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{}
		n, _ := start(t, Options{Endpoints: mustParse(t, "http://am:9093"), ExternalLabels: labels.FromStrings("host", "edge")}, am)
		begin := time.Now()
		check := func(what, name string, want Delivery) {
			t.Helper()
			want.URL = "http://am:9093"
			if diff := cmp.Diff([]Delivery{want}, n.Deliveries(labels.FromStrings("alertname", name))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		news := func(a alert.Notification) []alert.Notification {
			a.News = true
			return all(a)
		}
		check("before anything", "A", Delivery{})

		a := firing("A")
		n.Send(news(a))
		elapse(time.Second)
		told := Delivery{ToldAt: begin, ConfirmedAt: begin}
		check("told", "A", told)
		elapse(time.Minute)
		n.Send(all(a))
		elapse(time.Second)
		told.ConfirmedAt = begin.Add(time.Minute + time.Second)
		check("repeated", "A", told)

		am.then(fail, fail, fail)
		waiting := time.Now()
		n.Send(news(resolved("A")))
		n.Send(news(firing("B")))
		elapse(time.Second / 2)
		st := n.Status()[0]
		told.WaitingSince, told.LastError, told.NextTry = waiting, st.LastError, st.NextTry
		if st.LastError == "" || st.NextTry.IsZero() {
			t.Fatalf("the outage does not show: %+v", st)
		}
		check("an end in an outage", "A", told)
		check("a begin in an outage", "B", Delivery{WaitingSince: waiting, LastError: st.LastError, NextTry: st.NextTry})

		elapse(5 * time.Minute)
		d := n.Deliveries(labels.FromStrings("alertname", "A"))[0]
		if !d.Resolved || !d.ToldAt.After(waiting) || !d.WaitingSince.IsZero() || d.LastError != "" {
			t.Errorf("after the outage: %+v", d)
		}

		n.Send(news(firing("Bad")))
		elapse(time.Minute)
		check("refused", "Bad", Delivery{Refusal: "status 400 Bad Request: bad alert Bad"})
	})
}

// TestDeliveriesOverAStep: how long ago an alert was taken in can be told, whatever the
// wall clock has been set to since.
func TestDeliveriesOverAStep(t *testing.T) {
	o, m := newTestOutbox(10), msg("A")
	o.take(parcel{message: m}, time.Now())
	for what, at := range map[string]time.Time{"told": o.delivery(m.key).ToldAt, "confirmed": o.delivery(m.key).ConfirmedAt} {
		if at.IsZero() || at == at.Round(0) {
			t.Errorf("%s at %v: without the monotonic clock", what, at)
		}
	}
}

// TestDeliveriesAreForgotten: what nothing is said of any more takes no memory.
func TestDeliveriesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{}
		n, _ := start(t, Options{Capacity: 100}, am)
		n.Send(all(resolved("A"), firing("B")))
		elapse(endKept + time.Minute)
		o := n.senders[0].outbox
		kept := func() int {
			n.Send(all(firing("C"))) // sweeps too
			elapse(time.Second)
			o.mu.Lock()
			defer o.mu.Unlock()
			return len(o.taken)
		}
		if got := kept(); got != 2 {
			t.Errorf("%d alerts are remembered after an hour, want B and C", got)
		}
		elapse(firingKept)
		if got := kept(); got != 1 {
			t.Errorf("%d alerts are remembered after a day, want C", got)
		}
		for i := range 1000 {
			n.Send(all(firing(string(rune('a' + i)))))
			elapse(time.Second)
		}
		if got := kept(); got > 200 {
			t.Errorf("%d alerts are remembered by an outbox of 100", got)
		}
	})
}

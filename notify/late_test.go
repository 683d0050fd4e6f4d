package notify

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

// ledger collects what Delivered was told.
type ledger struct {
	mu   sync.Mutex
	seen []string
}

func (l *ledger) delivered(receiver string, rs []alert.Receipt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	names := map[alert.Told]string{alert.ToldFiring: "firing", alert.ToldEnded: "ended", alert.ToldLate: "late", alert.ToldNever: "never"}
	for _, r := range rs {
		l.seen = append(l.seen, fmt.Sprintf("%s %s", names[r.Told], r.StartsAt.UTC().Format("15:04:05")))
	}
}

func (l *ledger) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := l.seen
	l.seen = nil
	return seen
}

// began and over are the news of one incident.
func began(name string) alert.Notification {
	now := time.Now()
	return alert.Notification{Labels: labels.FromStrings("alertname", name), StartsAt: now, EndsAt: now.Add(4 * time.Minute), News: true}
}

func over(n alert.Notification) alert.Notification {
	n.EndsAt, n.Resolved, n.News = time.Now(), true, true
	return n
}

// again is a repetition.
func again(n alert.Notification) alert.Notification {
	n.News = false
	if !n.Resolved {
		n.EndsAt = time.Now().Add(4 * time.Minute)
	}
	return n
}

// reachable makes the requests to come succeed or fail.
func (am *fakeAM) reachable(yes bool) {
	am.mu.Lock()
	defer am.mu.Unlock()
	am.fallback, am.status = nil, nil
	if !yes {
		am.fallback, am.status = fail, fail
	}
}

// expectAlert checks what the Alertmanager has of an alert; times are counted from
// the beginning of the bubble.
func expectAlert(t *testing.T, what string, a *models.PostableAlert, begin time.Time, from, to time.Duration, annotation string) {
	t.Helper()
	if a == nil {
		t.Errorf("%s: there is no such alert", what)
		return
	}
	gotFrom, gotTo := time.Time(a.StartsAt).Sub(begin), time.Time(a.EndsAt).Sub(begin)
	if gotFrom != from || gotTo != to || a.Annotations[LateAnnotation] != annotation {
		t.Errorf("%s: from %s to %s, annotation %q; want from %s to %s, annotation %q",
			what, gotFrom, gotTo, a.Annotations[LateAnnotation], from, to, annotation)
	}
}

// An incident comes and goes in an outage of 20 minutes. It is reported as firing,
// after what fires now, and nothing ends that report before its time.
func TestLateReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am, book, reg := &fakeAM{}, &ledger{}, prometheus.NewPedanticRegistry()
		am.reachable(false)
		n, _ := start(t, Options{Delivered: book.delivered, Registerer: reg}, am)
		begin := time.Now()
		a := began("A")
		n.Send(all(a))
		elapse(5 * time.Minute)
		a = over(a)
		n.Send(all(a))
		elapse(15 * time.Minute)
		n.Send(all(again(a)))
		b := began("B")
		n.Send(all(b))
		if st := n.Status()[0]; st.Undelivered != 2 || !st.OldestUndelivered.Equal(begin) {
			t.Errorf("in the outage: %+v", st)
		}
		if age := gauge(t, reg, "tocsin_notify_oldest_undelivered_seconds"); age != 20*60 {
			t.Errorf("oldest undelivered: %v s, want 1200", age)
		}
		am.reachable(true)
		elapse(time.Minute)
		requests := am.got()
		last := requests[len(requests)-1]
		if diff := cmp.Diff([]string{"B firing", "A firing"}, last.alerts); diff != "" {
			t.Errorf("what is there comes first (-want +got):\n%s", diff)
		}
		back := last.at.Sub(begin)
		text := "Reported late: this alert fired at 2000-01-01T00:00:00Z and resolved at 2000-01-01T00:05:00Z, while this Alertmanager could not be told."
		expectAlert(t, "late", am.stored("A"), begin, 0, back+6*time.Minute, text)
		if st := n.Status()[0]; st.Undelivered != 0 || st.Late != 1 {
			t.Errorf("after the outage: %+v", st)
		}
		if diff := cmp.Diff([]string{"firing 00:20:00", "late 00:00:00"}, book.take()); diff != "" {
			t.Errorf("receipts (-want +got):\n%s", diff)
		}
		for range 4 { // up to less than 6 min after the report
			elapse(time.Minute)
			n.Send(all(again(a)))
		}
		synctest.Wait()
		expectAlert(t, "while it stands", am.stored("A"), begin, 0, back+6*time.Minute, text)
		elapse(2 * time.Minute)
		n.Send(all(again(a)))
		synctest.Wait()
		expectAlert(t, "after it stood", am.stored("A"), begin, 0, 5*time.Minute, "")
		if got := book.take(); !slices.Contains(got, "never 00:00:00") {
			t.Errorf("receipts at the end: %v", got)
		}
	})
}

func gauge(t *testing.T, reg prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// An alert that flaps all through an outage is one late report.
func TestLateReportOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am, book := &fakeAM{}, &ledger{}
		am.reachable(false)
		n, _ := start(t, Options{Delivered: book.delivered}, am)
		begin := time.Now()
		for range 3 {
			a := began("A")
			n.Send(all(a))
			elapse(time.Minute)
			n.Send(all(over(a)))
			elapse(time.Minute)
		}
		am.reachable(true)
		elapse(time.Minute)
		requests := am.got()
		expectAlert(t, "late", am.stored("A"), begin, 0, requests[len(requests)-1].at.Sub(begin)+6*time.Minute,
			"Reported late: this alert fired 3 times between 2000-01-01T00:00:00Z and 2000-01-01T00:05:00Z, while this Alertmanager could not be told; it last resolved then.")
		if diff := cmp.Diff([]string{"late 00:04:00"}, book.take()); diff != "" {
			t.Errorf("receipts (-want +got):\n%s", diff)
		}
	})
}

// What was missed of an alert that fires again is said with it.
func TestLateReportOfWhatFiresAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{}
		am.reachable(false)
		n, _ := start(t, Options{}, am)
		begin := time.Now()
		a := began("A")
		n.Send(all(a))
		elapse(time.Minute)
		n.Send(all(over(a)))
		elapse(time.Minute)
		second := began("A")
		n.Send(all(second))
		am.reachable(true)
		elapse(time.Minute)
		text := "Reported late: this alert also fired at 2000-01-01T00:00:00Z and resolved at 2000-01-01T00:01:00Z, while this Alertmanager could not be told."
		expectAlert(t, "firing", am.stored("A"), begin, 2*time.Minute, 6*time.Minute, text)
		n.Send(all(again(second)))
		synctest.Wait()
		expectAlert(t, "a minute later", am.stored("A"), begin, 2*time.Minute, 7*time.Minute, text)
		elapse(7 * time.Minute)
		n.Send(all(again(second)))
		synctest.Wait()
		expectAlert(t, "later", am.stored("A"), begin, 2*time.Minute, 14*time.Minute, "")
	})
}

// An Alertmanager that heard of an incident, late and shortly before its end, may
// not have notified anyone yet.
func TestEndSoonAfterLateBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am, book := &fakeAM{}, &ledger{}
		am.reachable(false)
		n, _ := start(t, Options{Delivered: book.delivered}, am)
		begin := time.Now()
		a := began("A")
		n.Send(all(a))
		elapse(10 * time.Minute)
		am.reachable(true)
		elapse(time.Minute)
		told := am.stored("A")
		if told == nil || len(book.take()) != 0 {
			t.Fatal("not told, or counted as told")
		}
		n.Send(all(over(a)))
		synctest.Wait()
		expectAlert(t, "ended", am.stored("A"), begin, 0, 17*time.Minute,
			"Reported late: this alert fired at 2000-01-01T00:00:00Z and resolved at 2000-01-01T00:11:00Z, while this Alertmanager could not be told.")
	})
}

// An incident that was told in time ends like any other.
func TestEndOfWhatWasTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am, book := &fakeAM{}, &ledger{}
		n, _ := start(t, Options{Delivered: book.delivered}, am)
		begin := time.Now()
		a := began("A")
		n.Send(all(a))
		elapse(time.Minute)
		am.reachable(false)
		n.Send(all(again(a)))
		elapse(time.Minute)
		n.Send(all(over(a)))
		elapse(time.Minute)
		am.reachable(true)
		elapse(time.Minute)
		expectAlert(t, "ended", am.stored("A"), begin, 0, 2*time.Minute, "")
		if diff := cmp.Diff([]string{"firing 00:00:00", "ended 00:00:00"}, book.take()); diff != "" {
			t.Errorf("receipts (-want +got):\n%s", diff)
		}
	})
}

// What the process before left is delivered as it would have been.
func TestRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am, book := &fakeAM{}, &ledger{}
		am.reachable(false)
		opts := Options{Delivered: book.delivered, ExternalLabels: labels.FromStrings("host", "edge-1")}
		n, stop := start(t, opts, am)
		begin := time.Now()
		missed, ended, fires := began("Missed"), began("Ended"), began("Fires")
		n.Send(all(missed, fires))
		elapse(time.Minute)
		n.Send(all(over(missed), over(ended)))
		elapse(time.Minute)
		left := n.Undelivered()
		stop()

		am.reachable(true)
		elapse(time.Hour)
		n, stop = start(t, opts, am)
		n.Restore(left)
		synctest.Wait()
		expectAlert(t, "missed", am.stored("Missed"), begin, 0, 68*time.Minute,
			"Reported late: this alert fired at 2000-01-01T00:00:00Z and resolved at 2000-01-01T00:01:00Z, while this Alertmanager could not be told.")
		expectAlert(t, "ended", am.stored("Ended"), begin, 0, time.Minute, "")
		expectAlert(t, "fires", am.stored("Fires"), begin, 0, 66*time.Minute, "")
		if got := am.stored("Fires").Labels["host"]; got != "edge-1" {
			t.Errorf("host is %q", got)
		}
		// The late report stands across another restart.
		left = n.Undelivered()
		stop()
		n, _ = start(t, opts, am)
		n.Restore(left)
		n.Send(all(again(over(missed))))
		synctest.Wait()
		expectAlert(t, "still standing", am.stored("Missed"), begin, 0, 68*time.Minute, am.stored("Missed").Annotations[LateAnnotation])
		// And is forgotten after its time.
		left = n.Undelivered()
		book.take()
		elapse(10 * time.Minute)
		n, _ = start(t, opts, am)
		n.Restore(left)
		if got := book.take(); !slices.Contains(got, "never 00:00:00") {
			t.Errorf("receipts: %v", got)
		}
	})
}

// Refused and pushed out, an incident is no longer owed.
func TestGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am, book, reg := &fakeAM{}, &ledger{}, prometheus.NewRegistry()
		n, _ := start(t, Options{Delivered: book.delivered, Registerer: reg, Capacity: 2}, am)
		n.Send(all(began("Bad")))
		synctest.Wait()
		if diff := cmp.Diff([]string{"never 00:00:00"}, book.take()); diff != "" {
			t.Errorf("refused (-want +got):\n%s", diff)
		}
		am.reachable(false)
		n.Send(all(began("A"), began("B")))
		elapse(time.Minute)
		n.Send(all(began("C")))
		if diff := cmp.Diff([]string{"never 00:00:00"}, book.take()); diff != "" {
			t.Errorf("pushed out (-want +got):\n%s", diff)
		}
		if st := n.Status()[0]; st.Undelivered != 2 || testutil.ToFloat64(n.senders[0].metrics.overflow) != 1 {
			t.Errorf("status: %+v", st)
		}
	})
}

// Two rules whose alerts have equal labels, with the external ones or without, are
// one alert there. It stays open for neither, in an outage or out of one.
func TestTwoRulesOneAlert(t *testing.T) {
	for _, reachable := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			am, open := &fakeAM{}, map[string]time.Time{} // what a journal would have
			var mu sync.Mutex
			am.reachable(reachable)
			n, _ := start(t, Options{ExternalLabels: labels.FromStrings("host", "h"), Delivered: func(_ string, rs []alert.Receipt) {
				mu.Lock()
				defer mu.Unlock()
				for _, r := range rs {
					for _, state := range []string{"firing", "resolved"} {
						key := fmt.Sprint(r.Fingerprint, state)
						closes := r.Told == alert.ToldNever || r.Told == alert.ToldFiring && state == "firing" || r.Told == alert.ToldEnded && state == "resolved"
						if at, ok := open[key]; ok && closes && !at.After(r.StartsAt) {
							delete(open, key)
						}
					}
				}
			}}, am)
			send := func(ns ...alert.Notification) {
				mu.Lock()
				for _, n := range ns {
					if fp := n.Fingerprint(); n.News && n.Resolved {
						delete(open, fmt.Sprint(fp, "firing"))
						open[fmt.Sprint(fp, "resolved")] = n.StartsAt
					} else if n.News {
						open[fmt.Sprint(fp, "firing")] = n.StartsAt
					}
				}
				mu.Unlock()
				n.Send(ns)
			}
			first, other := began("A"), began("A")
			other.Labels = labels.FromStrings("alertname", "A", "host", "h")
			send(first, other)
			elapse(time.Minute)
			second := began("A")
			send(again(other), second)
			elapse(time.Minute)
			send(over(first), over(other))
			elapse(time.Minute)
			send(over(second))
			am.reachable(true)
			for range 12 {
				elapse(time.Minute)
				send(again(over(first)), again(over(other)), again(over(second)))
			}
			synctest.Wait()
			if got := am.stored("A"); got == nil || !isResolved(got) {
				t.Errorf("reachable %t: in the end it is %+v", reachable, got)
			}
			if us := n.Undelivered()["http://am:9093"]; len(us) != 0 || n.Status()[0].Undelivered != 0 {
				t.Errorf("reachable %t: undelivered: %+v", reachable, us)
			}
			mu.Lock()
			defer mu.Unlock()
			if len(open) != 0 {
				t.Errorf("reachable %t: the journal keeps %v for ever", reachable, open)
			}
		})
	}
}

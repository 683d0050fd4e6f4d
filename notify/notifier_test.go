package notify

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

func TestSendAndStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{}
		n, stop := start(t, Options{
			Endpoints:      mustParse(t, "http://me:secret@am:9093/pre%2Ffix/"),
			ExternalLabels: labels.FromStrings("host", "edge-1"),
			Version:        "1.2.3",
		}, am)
		a := firing("A")
		a.Labels = labels.FromStrings("alertname", "A", "severity", "page")
		am.then(slow(time.Second, accept))
		n.Send(all(a))
		elapse(2 * time.Second)

		got := am.got()
		if len(got) != 1 {
			t.Fatalf("got %d requests, want 1", len(got))
		}
		begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of every bubble
		want := `[{"endsAt":"2000-01-01T00:04:00.000Z","startsAt":"1999-12-31T23:59:00.000Z","labels":{"alertname":"A","host":"edge-1","severity":"page"}}]`
		if diff := cmp.Diff(want, strings.TrimSpace(got[0].body)); diff != "" {
			t.Errorf("body (-want +got):\n%s", diff)
		}
		if got[0].method != "POST" || got[0].url != "http://am:9093/pre%2Ffix/api/v2/alerts" {
			t.Errorf("got %s %s", got[0].method, got[0].url)
		}
		for name, want := range map[string]string{
			"Content-Type":  "application/json",
			"User-Agent":    "tocsin/1.2.3",
			"Authorization": "Basic bWU6c2VjcmV0",
		} {
			if got := got[0].header.Get(name); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		wantStatus := []Status{{
			URL: "http://me:xxxxx@am:9093/pre%2Ffix", Origin: OriginSetting, LastAttempt: begin.Add(time.Second), LastSuccess: begin.Add(time.Second), Sent: 1,
		}}
		if diff := cmp.Diff(wantStatus, n.Status()); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
		stop()
		n.Send(all(a)) // after the stop: kept, not sent
		if got := n.Status()[0].Pending; got != 1 || len(am.got()) != 1 {
			t.Errorf("after stop: %d pending and %d requests, want 1 and 1", got, len(am.got()))
		}
		if err := n.Run(t.Context()); err == nil {
			t.Error("a second Run returned no error")
		}
	})
}

func TestSendBeforeRunInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{}
		am.then(slow(time.Minute, fail)) // let alerts gather
		n, _ := start(t, Options{BatchSize: 3, Timeout: time.Hour}, am)
		n.Send(all(firing("0")))
		synctest.Wait()
		n.Send(nil)
		n.Send(all(firing("1"), firing("2"), firing("3"), firing("4")))
		n.Send(all(resolved("2"), firing("5"), firing("6")))
		elapse(2 * time.Minute)
		want := [][]string{
			{"0 firing"},
			{"0 firing", "1 firing", "2 resolved"},
			{"3 firing", "4 firing", "5 firing"},
			{"6 firing"},
		}
		if diff := cmp.Diff(want, am.batches()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

func TestChangeDuringRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{}
		am.then(slow(time.Second, accept))
		n, _ := start(t, Options{}, am)
		n.Send(all(firing("A"), firing("B")))
		synctest.Wait() // the request is under way
		n.Send(all(resolved("A"), firing("C")))
		elapse(2 * time.Second)
		want := [][]string{{"A firing", "B firing"}, {"C firing", "A resolved"}}
		if diff := cmp.Diff(want, am.batches()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

func TestBackoffGrowsAndResets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		buf, log := newLog()
		reg := prometheus.NewPedanticRegistry()
		am := &fakeAM{}
		am.then(fail, status(503, "text/html", "busy"), status(429, "", ""), status(404, ";bad;", "no"), accept, fail)
		n, _ := start(t, Options{MaxBackoff: 5 * time.Second, Logger: log, Registerer: reg}, am)
		begin := time.Now()
		n.Send(all(firing("A")))
		synctest.Wait()
		st := n.Status()[0]
		if st.LastError != "dial tcp 192.0.2.1:9093: connect: no route to host" || st.Failures != 1 ||
			!st.NextTry.Equal(begin.Add(time.Second)) || st.Pending != 1 || !st.LastSuccess.IsZero() {
			t.Errorf("status after a failure: %+v", st)
		}
		n.Send(all(firing("A"))) // does not cut the back-off short
		elapse(time.Minute)
		if st = n.Status()[0]; st.LastError != "" || st.Failures != 0 || !st.NextTry.IsZero() || st.Failed != 4 || st.Sent != 1 {
			t.Errorf("status after success: %+v", st)
		}
		n.Send(all(firing("B")))
		elapse(time.Minute)

		var offsets []time.Duration
		for _, r := range am.got() {
			offsets = append(offsets, r.at.Sub(begin))
		}
		s := time.Second
		want := []time.Duration{0, 1 * s, 3 * s, 7 * s, 12 * s, 60 * s, 61 * s}
		if diff := cmp.Diff(want, offsets); diff != "" {
			t.Errorf("requests at (-want +got):\n%s", diff)
		}
		if got := len(buf.lines("sending alerts recovered")); got != 2 {
			t.Errorf("got %d recoveries in the log, want 2:\n%s", got, buf)
		}
		compareMetrics(t, reg)
	})
}

// compareMetrics checks what TestBackoffGrowsAndResets leaves behind.
func compareMetrics(t *testing.T, reg prometheus.Gatherer) {
	t.Helper()
	if err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP prometheus_notifications_alertmanagers_discovered Alertmanagers that alerts are sent to.
# TYPE prometheus_notifications_alertmanagers_discovered gauge
prometheus_notifications_alertmanagers_discovered 1
# HELP prometheus_notifications_dropped_total Alerts that will not be sent: the Alertmanager rejected them, or the outbox overflowed.
# TYPE prometheus_notifications_dropped_total counter
prometheus_notifications_dropped_total{alertmanager="http://am:9093",reason="overflow"} 0
prometheus_notifications_dropped_total{alertmanager="http://am:9093",reason="rejected"} 0
# HELP prometheus_notifications_errors_total Alerts in requests that the Alertmanager did not acknowledge.
# TYPE prometheus_notifications_errors_total counter
prometheus_notifications_errors_total{alertmanager="http://am:9093"} 5
# HELP prometheus_notifications_queue_capacity Alerts that one Alertmanager's outbox can hold.
# TYPE prometheus_notifications_queue_capacity gauge
prometheus_notifications_queue_capacity 10000
# HELP prometheus_notifications_queue_length Alerts that wait for delivery.
# TYPE prometheus_notifications_queue_length gauge
prometheus_notifications_queue_length{alertmanager="http://am:9093"} 0
# HELP prometheus_notifications_sent_total Alerts that the Alertmanager acknowledged.
# TYPE prometheus_notifications_sent_total counter
prometheus_notifications_sent_total{alertmanager="http://am:9093"} 2
`), "prometheus_notifications_alertmanagers_discovered", "prometheus_notifications_dropped_total",
		"prometheus_notifications_errors_total", "prometheus_notifications_queue_capacity",
		"prometheus_notifications_queue_length", "prometheus_notifications_sent_total"); err != nil {
		t.Error(err)
	}
}

// A long outage: the alert fired, nobody handed it over again, and its endsAt
// passed. It must not arrive as resolved.
func TestFiringStaysFiringAfterOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{fallback: fail}
		n, _ := start(t, Options{}, am)
		n.Send(all(firing("A")))
		elapse(24 * time.Hour)
		am.mu.Lock()
		am.fallback = nil
		am.mu.Unlock()
		elapse(time.Minute)
		got := am.stored("A")
		if got == nil {
			t.Fatal("never delivered")
		}
		requests := am.got()
		last := requests[len(requests)-1].at
		if end := time.Time(got.EndsAt); !end.Equal(last.Add(4 * time.Minute)) {
			t.Errorf("delivered at %v with endsAt %v, want 4 min later", last, end)
		}
	})
}

func TestRejectedAlertIsNamedAndAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		buf, log := newLog()
		am := &fakeAM{}
		n, _ := start(t, Options{Logger: log}, am)
		n.Send(all(firing("A"), firing("Bad"), firing("C")))
		elapse(time.Minute)
		n.Send(all(firing("A"), firing("Bad"), firing("C"))) // refreshed
		elapse(time.Minute)
		want := [][]string{
			{"A firing", "Bad firing", "C firing"}, // refused
			{"A firing"}, {"Bad firing"}, {"C firing"},
			{"A firing", "C firing"}, {"Bad firing"},
		}
		if diff := cmp.Diff(want, am.batches()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		lines := buf.lines("alert rejected")
		if len(lines) != 1 || !strings.Contains(lines[0], "level=ERROR") || !strings.Contains(lines[0], "bad alert Bad") {
			t.Errorf("log: want one line that names the alert and the reason, got\n%s", buf)
		}
		st := n.Status()[0]
		if st.Pending != 0 || st.Sent != 4 || st.Dropped != 2 || st.Failures != 0 ||
			st.LastRejection != `{alertname="Bad"}: status 400 Bad Request: bad alert Bad` {
			t.Errorf("status: %+v", st)
		}
	})
}

func TestRejectedBatchInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{}
		am.then(accept, accept, fail) // the batch, "A", and the uplink breaks
		n, _ := start(t, Options{}, am)
		n.Send(all(firing("A"), firing("Bad"), firing("C")))
		synctest.Wait()
		if got := n.Status()[0].Pending; got != 2 {
			t.Errorf("%d pending, want 2", got)
		}
		elapse(time.Minute)
		if st := n.Status()[0]; st.Pending != 0 || st.Dropped != 1 || am.stored("A") == nil || am.stored("C") == nil {
			t.Errorf("status: %+v", st)
		}
	})
}

// A rejected alert that becomes valid travels with the others again.
func TestSuspectIsCleared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{}
		am.then(status(400, "application/json", `"too long"`))
		n, _ := start(t, Options{}, am)
		for range 3 {
			n.Send(all(firing("A")))
			synctest.Wait()
		}
		n.Send(all(firing("A"), firing("B")))
		synctest.Wait()
		want := [][]string{{"A firing"}, {"A firing"}, {"A firing"}, {"A firing", "B firing"}}
		if diff := cmp.Diff(want, am.batches()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

func TestMisconfigurationKeepsAlerts(t *testing.T) {
	for _, do := range []outcome{
		status(401, "text/plain", "no"), status(403, "", ""), status(404, "text/html", "no"), status(302, "", ""),
		status(400, "text/plain", "Client sent an HTTP request to an HTTPS server."),
	} {
		synctest.Test(t, func(t *testing.T) {
			buf, log := newLog()
			am := &fakeAM{fallback: do}
			n, _ := start(t, Options{Logger: log}, am)
			n.Send(all(firing("A"), firing("B")))
			elapse(10 * time.Minute)
			if st := n.Status()[0]; st.Pending != 2 || st.Dropped != 0 {
				t.Errorf("status: %+v", st)
			}
			if got := buf.lines("sending alerts failed"); len(got) < 2 || len(got) > 21 || !strings.Contains(got[0], "hint=") {
				t.Errorf("log: %s", buf)
			}
		})
	}
}

func TestOverflowIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		buf, log := newLog()
		am := &fakeAM{fallback: fail}
		n, _ := start(t, Options{Logger: log, Capacity: 5}, am)
		for i := range 20 {
			n.Send(all(firing(fmt.Sprint(i))))
		}
		if st := n.Status()[0]; st.Pending != 5 || st.Dropped != 15 {
			t.Errorf("status: %+v", st)
		}
		if got := buf.lines("alerts dropped, outbox is full"); len(got) != 1 {
			t.Errorf("got %d lines, want 1:\n%s", len(got), buf)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	ep := mustParse(t, "http://am")[0]
	for name, opts := range map[string]Options{
		"zero endpoint": {Endpoints: []Endpoint{{}}},
		"listed twice":  {Endpoints: []Endpoint{ep, ep}},
		"time":          {Timeout: -1},
		"size":          {BatchSize: -1},
	} {
		if _, err := New(opts); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestNoneConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		buf, log := newLog()
		n, _ := start(t, Options{Endpoints: []Endpoint{}, Logger: log, ExternalLabels: labels.FromStrings("host", "edge-1")}, nil)
		for range 10 {
			n.Send(all(firing("A"), firing("B")))
		}
		for range 10 {
			n.Send(all(resolved("A"), firing("B")))
		}
		n.Send(all(firing("A")))
		if got := buf.lines("alert firing"); len(got) != 3 || !strings.Contains(got[0], "edge-1") {
			t.Errorf("want A, B, A firing, got\n%s", buf)
		}
		if got := buf.lines("alert resolved"); len(got) != 1 {
			t.Errorf("want A resolved once, got\n%s", buf)
		}
		if got := n.Status(); len(got) != 0 {
			t.Errorf("status: %v", got)
		}
	})
}

func TestAnnouncerIsBounded(t *testing.T) {
	_, log := newLog()
	a := newAnnouncer(log)
	for _, resolved := range []bool{true, false} {
		for i := range announced + announced/2 {
			m := newMessage(alert.Notification{Labels: labels.FromStrings("alertname", fmt.Sprint(i)), Resolved: resolved}, &dress{}, t0)
			a.announce([]*message{m})
			if len(a.resolved) > announced {
				t.Fatalf("remembers %d alerts", len(a.resolved))
			}
		}
	}
}

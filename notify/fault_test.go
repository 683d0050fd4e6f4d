package notify

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/tocsin/tocsin/alert"
)

// faults are what can become of one request.
var faults = []struct {
	name string
	do   outcome
}{
	{"done", accept},
	{"fails", fail},
	{"hangs", hang},
	{"done but hangs", hangAfter},
	{"done but reported failed", failAfter},
	{"done but bad gateway", statusAfter(502)},
	{"unavailable", status(503, "text/html", "busy")},
	{"not found", status(404, "text/plain", "404 page not found")},
}

// TestFaultTable breaks each of the first requests in each way, in all
// combinations, while alerts change. After every step each alert's latest state
// is in the outbox or stored by the Alertmanager, and in the end all are stored.
func TestFaultTable(t *testing.T) {
	for _, first := range faults {
		for _, second := range faults {
			for _, third := range faults {
				t.Run(first.name+"/"+second.name+"/"+third.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { testFaults(t, first.do, second.do, third.do) })
				})
			}
		}
	}
}

func testFaults(t *testing.T, script ...outcome) {
	am := &fakeAM{}
	am.then(script...)
	n, stop := start(t, Options{BatchSize: 2}, am)
	latest := map[string]alert.Notification{}
	send := func(ns ...alert.Notification) {
		n.Send(ns)
		for _, note := range ns {
			latest[note.Labels.Get("alertname")] = note
		}
		if lost := missing(n, am, latest); lost != "" {
			t.Errorf("after Send: %s", lost)
		}
	}
	for _, step := range []func(){
		func() { send(firing("A"), firing("B"), firing("C")) },
		func() { send(resolved("A"), firing("B")) },
		func() { send(firing("D")) },
		func() { send(firing("A"), resolved("C")) },
		func() { send(resolved("D")) },
	} {
		step()
		for range 5 {
			elapse(700 * time.Millisecond)
			if lost := missing(n, am, latest); lost != "" {
				t.Errorf("after a step: %s", lost)
			}
		}
	}
	elapse(2 * time.Minute)
	if st := n.Status()[0]; st.Pending != 0 || st.Dropped != 0 {
		t.Errorf("in the end: %+v", st)
	}
	if lost := missing(n, am, latest); lost != "" {
		t.Errorf("in the end: %s", lost)
	}
	stop()
}

// missing names an alert whose latest state is neither pending nor stored.
func missing(n *Notifier, am *fakeAM, latest map[string]alert.Notification) string {
	pending := map[string]alert.Notification{}
	for _, m := range n.senders[0].outbox.next(1000, nil, time.Now(), 0) {
		pending[m.note.Labels.Get("alertname")] = m.note
	}
	for name, want := range latest {
		if got, ok := pending[name]; ok && got.Resolved == want.Resolved && got.EndsAt.Equal(want.EndsAt) {
			continue
		}
		if got := am.stored(name); got == nil || isResolved(got) != want.Resolved {
			return fmt.Sprintf("%s lost: pending %v, stored %+v, want resolved=%v", name, pending[name], got, want.Resolved)
		}
	}
	return ""
}

func isResolved(a *models.PostableAlert) bool {
	return !time.Time(a.EndsAt).After(time.Now())
}

// One Alertmanager hangs for ever, another is down: the third gets everything
// at once.
func TestOthersAreNotAffected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung, down, fine := &fakeAM{fallback: hang}, &fakeAM{fallback: fail}, &fakeAM{}
		n, stop := start(t, Options{
			Endpoints:    mustParse(t, "http://hung,http://down,http://fine"),
			RoundTripper: router{"hung": hung, "down": down, "fine": fine},
		}, nil)
		for i := range 20 {
			before := time.Now()
			n.Send(all(firing(fmt.Sprint(i))))
			if time.Since(before) != 0 {
				t.Error("Send blocked")
			}
			synctest.Wait()
			if fine.stored(fmt.Sprint(i)) == nil {
				t.Errorf("alert %d did not arrive at once", i)
			}
			time.Sleep(time.Second)
		}
		st := n.Status()
		if st[0].Pending != 20 || st[0].LastError != "no reply within 10s" || st[1].Pending != 20 || st[2].Pending != 0 {
			t.Errorf("status: %+v", st)
		}
		before := time.Now()
		stop()
		if took := time.Since(before); took != 2*time.Second {
			t.Errorf("stop took %s, want the drain timeout of 2s", took)
		}
	})
}

func TestDrain(t *testing.T) {
	for _, tc := range []struct {
		name    string
		script  []outcome
		took    time.Duration
		pending int
	}{
		// The first request fails and a back-off of 1 s begins; then the stop.
		{"back again", []outcome{fail, accept, accept}, 0, 0},
		{"still down", []outcome{fail, fail}, 0, 3},
		{"slow", []outcome{fail, slow(time.Second, accept), slow(time.Second/2, accept)}, 1500 * time.Millisecond, 0},
		{"too slow", []outcome{fail, slow(time.Second, accept), hang}, 2 * time.Second, 1},
		{"hangs", []outcome{fail, hang}, 2 * time.Second, 3},
		{"fails on the way", []outcome{fail, accept, fail}, 0, 1},
		{"rejected", []outcome{fail, status(400, "application/json", ""), status(400, "application/json", ""), accept, accept}, 0, 0},
		// The request is under way when the stop comes.
		{"under way", []outcome{slow(time.Second, accept)}, time.Second, 0},
		{"under way, failing", []outcome{slow(time.Second, fail), accept}, time.Second, 0},
		{"under way, hanging", []outcome{hang}, 2 * time.Second, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				buf, log := newLog()
				am := &fakeAM{}
				am.then(tc.script...)
				n, stop := start(t, Options{BatchSize: 2, Logger: log}, am)
				n.Send(all(firing("A"), firing("B"), firing("C")))
				synctest.Wait()
				before := time.Now()
				stop()
				if took := time.Since(before); took != tc.took {
					t.Errorf("took %s, want %s", took, tc.took)
				}
				if got := n.Status()[0].Pending; got != tc.pending {
					t.Errorf("%d pending, want %d", got, tc.pending)
				}
				if got := len(buf.lines("stopped with undelivered alerts")); got != min(tc.pending, 1) {
					t.Errorf("got %d warnings:\n%s", got, buf)
				}
			})
		})
	}
}

// Nothing that anyone can see holds the password, whatever goes wrong.
func TestNoPasswordAnywhere(t *testing.T) {
	echo := func(code int) outcome {
		return status(code, "text/plain", "you sent http://me:s3cret@am and Basic bWU6czNjcmV0")
	}
	for _, do := range []outcome{fail, hang, echo(500), echo(400), echo(401), echo(413), failAfter, accept} {
		synctest.Test(t, func(t *testing.T) {
			buf, log := newLog()
			am := &fakeAM{fallback: do}
			n, stop := start(t, Options{Logger: log, Endpoints: mustParse(t, "http://me:s3cret@am")}, am)
			n.Send(all(firing("A")))
			elapse(time.Minute)
			stop()
			for _, secret := range []string{"s3cret", "bWU6czNjcmV0"} {
				if seen := fmt.Sprintf("%+v", n.Status()) + buf.String(); strings.Contains(seen, secret) {
					t.Errorf("shows %s: %s", secret, seen)
				}
			}
			for _, r := range am.got() {
				if strings.Contains(r.url, "s3cret") {
					t.Errorf("password in the request's URL: %s", r.url)
				}
			}
		})
	}
}

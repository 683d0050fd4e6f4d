package notify

import (
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin/tocsin/alert"
)

// restart makes another process of the fake, which knows nothing.
func (am *fakeAM) restart() {
	am.mu.Lock()
	defer am.mu.Unlock()
	am.started, am.state = time.Now(), nil
}

// A restart is seen after a failed request, and within a minute without one.
func TestRestartIsSeen(t *testing.T) {
	for _, failing := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			buf, log := newLog()
			am := &fakeAM{started: time.Now()}
			n, _ := start(t, Options{Logger: log}, am)
			a := began("A")
			n.Send(all(a, began("B")))
			synctest.Wait()
			if st := n.Status()[0]; st.Restarts != 0 || am.asked != 1 {
				t.Errorf("at first contact: %d requests for the status, %+v", am.asked, st)
			}
			elapse(30 * time.Second)
			am.restart()
			if failing {
				am.then(fail)
			} else {
				elapse(31 * time.Second)
			}
			n.Send(all(began("C")))
			elapse(2 * time.Second)
			for _, name := range []string{"A", "B", "C"} {
				if am.stored(name) == nil {
					t.Errorf("failing %t: %s was not told again", failing, name)
				}
			}
			if st := n.Status()[0]; st.Restarts != 1 || !st.LastRestart.Equal(am.started) || len(buf.lines("alertmanager has restarted, it is told again what fires")) != 1 {
				t.Errorf("status: %+v\n%s", st, buf)
			}
		})
	}
}

// What has ended, or has not been heard of for long, is not told again.
func TestOnlyWhatFiresIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{started: time.Now()}
		n, _ := start(t, Options{}, am)
		n.Send(all(firing("Old")))
		elapse(10 * time.Minute)
		n.Send(all(firing("A"), resolved("B")))
		elapse(2 * time.Minute)
		am.restart()
		n.Send(all(firing("C")))
		synctest.Wait()
		if am.stored("A") == nil || am.stored("B") != nil || am.stored("Old") != nil {
			t.Errorf("A %v, B %v, Old %v; want A alone", am.stored("A"), am.stored("B"), am.stored("Old"))
		}
	})
}

// An Alertmanager that dies before it has notified anyone of an incident that ends
// is told of it late.
func TestRestartBeforeNotification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{started: time.Now()}
		n, _ := start(t, Options{}, am)
		begin := time.Now()
		a, b := began("A"), began("B")
		n.Send(all(a, b))
		elapse(20 * time.Second)
		am.restart()
		am.then(fail)
		n.Send(all(over(a)))
		elapse(2 * time.Second)
		expectAlert(t, "A", am.stored("A"), begin, 0, 21*time.Second+6*time.Minute,
			"Reported late: this alert fired at 2000-01-01T00:00:00Z and resolved at 2000-01-01T00:00:20Z, while this Alertmanager could not be told.")
		// It dies again with the late report, and nothing else is to be sent.
		n.Send(all(over(b)))
		elapse(2 * time.Minute)
		am.restart()
		elapse(2 * time.Minute)
		if got := am.stored("A"); got == nil || isResolved(got) {
			t.Errorf("the late report was lost: %+v", got)
		}
	})
}

// A status that cannot be read is no reason not to send, and no restart.
func TestStatusNeverHinders(t *testing.T) {
	for name, do := range map[string]outcome{
		"not found": status(404, "text/plain", "404 page not found"), "unauthorized": status(401, "", ""),
		"page": status(200, "text/html", "<h1>hello</h1>"), "no uptime": status(200, "application/json", `{"uptime":null}`),
		"fails": fail, "hangs": hang, "huge": status(200, "application/json", `{"x":"`+strings.Repeat("x", 5<<20)+`"}`),
	} {
		synctest.Test(t, func(t *testing.T) {
			am := &fakeAM{status: do}
			n, _ := start(t, Options{}, am)
			for range 30 {
				before := time.Now()
				n.Send(all(firing("A")))
				elapse(10 * time.Second)
				if st := n.Status()[0]; st.Pending != 0 || st.LastSuccess.Sub(before) > checkTimeout {
					t.Fatalf("%s: %+v", name, st)
				}
			}
			if st := n.Status()[0]; st.Restarts != 0 || st.Sent != 30 || st.Failed != 0 {
				t.Errorf("%s: %+v", name, st)
			}
			if am.asked > 6 {
				t.Errorf("%s: asked %d times in 5 min", name, am.asked)
			}
		})
	}
}

// Two Alertmanagers behind one address are not one that restarts all the time.
func TestTwoBehindOneAddress(t *testing.T) {
	var c contact
	now := time.Now()
	var restarts []bool
	for _, minutes := range []int{1, 2, 1, 2, 1, 3, 1, 2} {
		restarts = append(restarts, c.answered(now.Add(time.Duration(minutes)*time.Minute), now))
	}
	if diff := cmp.Diff([]bool{false, true, false, false, false, true, false, false}, restarts); diff != "" {
		t.Errorf("restarts (-want +got):\n%s", diff)
	}
}

// A clock that is off is corrected from the first alert on, and its offset logged
// when it comes, changes and goes.
func TestClockOfAlertmanager(t *testing.T) {
	for _, ahead := range []time.Duration{5 * time.Hour, -5 * time.Hour, 20 * time.Second, -20 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			buf, log := newLog()
			am := &fakeAM{started: time.Now(), dated: true, ahead: ahead}
			n, _ := start(t, Options{Logger: log}, am)
			begin := time.Now()
			a := began("A")
			n.Send(all(a))
			synctest.Wait()
			shift, lines := time.Duration(0), 0
			if ahead.Abs() > tolerated {
				shift, lines = ahead+time.Second/2, 1
			}
			expectAlert(t, "firing", am.stored("A"), begin, shift, shift+4*time.Minute, "")
			if st := n.Status()[0]; (st.ClockOffset - ahead).Abs() > time.Second {
				t.Errorf("offset %s, want %s", st.ClockOffset, ahead)
			}
			if got := buf.lines("clocks differ, alerts are sent with the Alertmanager's time"); len(got) != lines {
				t.Errorf("%d lines, want %d:\n%s", len(got), lines, buf)
			}
			// The end of an alert is in the past there, or it is none.
			elapse(time.Minute)
			n.Send(all(over(a)))
			synctest.Wait()
			if got := am.stored("A"); time.Time(got.EndsAt).After(time.Now().Add(ahead)) {
				t.Errorf("resolved %s in its future", time.Time(got.EndsAt).Sub(time.Now().Add(ahead)))
			}
			am.mu.Lock()
			am.ahead = 0
			am.mu.Unlock()
			for range 3 {
				elapse(time.Minute)
				n.Send(all(firing("B")))
			}
			synctest.Wait()
			if got := buf.lines("clocks agree again"); len(got) != lines {
				t.Errorf("%d lines at the end, want %d:\n%s", len(got), lines, buf)
			}
		})
	}
}

// While nobody knows the time, alerts are left to the Alertmanager's clock.
func TestUntrustedClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{}
		n, _ := start(t, Options{TrustedAfter: time.Now().Add(time.Hour)}, am)
		n.Send(all(firing("A")))
		synctest.Wait()
		if got := am.stored("A"); !time.Time(got.StartsAt).IsZero() || !time.Time(got.EndsAt).IsZero() {
			t.Errorf("without a date: %+v", got)
		}
		am.mu.Lock()
		am.dated, am.ahead = true, 24*time.Hour
		am.mu.Unlock()
		for range 2 {
			elapse(time.Minute)
			n.Send(all(firing("A")))
			synctest.Wait()
		}
		if got := am.stored("A"); time.Time(got.EndsAt).Sub(time.Now()) < 24*time.Hour {
			t.Errorf("with a date: %+v", got)
		}
	})
}

func TestMeasure(t *testing.T) {
	date := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	h := func(kv ...string) http.Header {
		out := http.Header{}
		for i := 0; i < len(kv); i += 2 {
			out.Set(kv[i], kv[i+1])
		}
		return out
	}
	stamp := date.Format(http.TimeFormat)
	for name, tc := range map[string]struct {
		header        http.Header
		before, after time.Time
		ok            bool
		offset, err   time.Duration
	}{
		"equal":      {h("Date", stamp), date, date.Add(time.Second), true, 0, time.Second},
		"slow reply": {h("Date", stamp), date.Add(-8 * time.Second), date.Add(time.Second), true, 4 * time.Second, 5 * time.Second},
		"ahead":      {h("Date", stamp), date.Add(-time.Hour), date.Add(-time.Hour), true, time.Hour + time.Second/2, time.Second / 2},
		"no date":    {h(), date, date, false, 0, 0},
		"garbage":    {h("Date", "yesterday"), date, date, false, 0, 0},
		"cached":     {h("Date", stamp, "Age", "600"), date, date, false, 0, 0},
	} {
		got, ok := measure(tc.header, tc.before, tc.after)
		if ok != tc.ok || got.offset != tc.offset || got.err != tc.err {
			t.Errorf("%s: offset %s ± %s, %t; want %s ± %s, %t", name, got.offset, got.err, ok, tc.offset, tc.err, tc.ok)
		}
	}
}

// A step of our own clock takes the measurement away.
func TestStepLosesTheOffset(t *testing.T) {
	now := time.Now()
	s := skew{offset: time.Hour, at: now}
	if s.lost(now.Add(time.Hour)) {
		t.Error("lost although time has only passed")
	}
	// The wall clock alone went on: a time without the monotonic reading of at.
	stepped := skew{offset: time.Hour, at: now.Add(-time.Hour)}
	stepped.at = stepped.at.Round(0)
	if stepped.lost(now) {
		t.Error("without a monotonic reading there is nothing to compare")
	}
	c := clock{skew: s, corrected: true, trustedAfter: now.Add(time.Hour)}
	if got := c.correction(now); got.blind || got.shift != time.Hour {
		t.Errorf("known: %+v", got)
	}
	c.skew = skew{}
	if got := c.correction(now); !got.blind || got.shift != 0 {
		t.Errorf("unknown: %+v", got)
	}
}

// Alerts bear a time that is ahead of our clock. How long something waits, and
// what still stands, is counted right all the same.
func TestTimesAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ahead = 5 * time.Hour
		shifted := func(n alert.Notification) alert.Notification {
			n.StartsAt, n.EndsAt = n.StartsAt.Add(ahead), n.EndsAt.Add(ahead)
			return n
		}
		am := &fakeAM{started: time.Now()}
		am.reachable(false)
		n, _ := start(t, Options{Ahead: func() time.Duration { return ahead }}, am)
		begin := time.Now()
		a := began("A")
		n.Send(all(shifted(a), shifted(firing("Old"))))
		elapse(10 * time.Minute)
		if st := n.Status()[0]; !st.OldestUndelivered.Equal(begin) {
			t.Errorf("undelivered since %s, want %s", st.OldestUndelivered, begin)
		}
		am.reachable(true)
		elapse(time.Minute)
		ended := over(a) // told late: a plain end would keep the Alertmanager from notifying
		ended.StartsAt, ended.EndsAt = a.StartsAt.Add(ahead), time.Now().Add(ahead)
		n.Send(all(ended))
		synctest.Wait()
		expectAlert(t, "ended", am.stored("A"), begin, 0, 17*time.Minute,
			"Reported late: this alert fired at 2000-01-01T00:00:00Z and resolved at 2000-01-01T00:11:00Z, while this Alertmanager could not be told.")
		am.restart()
		am.then(fail)
		n.Send(all(shifted(firing("B"))))
		elapse(2 * time.Second)
		if am.stored("A") == nil || am.stored("B") == nil || am.stored("Old") != nil {
			t.Errorf("after a restart: A %v, B %v, Old %v; want all but the last", am.stored("A"), am.stored("B"), am.stored("Old"))
		}
	})
}

// Where there is no connection to ask by, none is tried again to send by: an outage
// costs one attempt, and the return two requests, with what was missed.
func TestRequestsOfAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{started: time.Now(), status: unreachable, fallback: unreachable}
		n, _ := start(t, Options{}, am)
		a := began("A")
		n.Send(all(a, began("B")))
		elapse(5 * time.Minute)
		n.Send(all(over(a)))
		elapse(5 * time.Minute)
		st := n.Status()[0]
		if got := len(am.got()); got != 0 || am.asked != st.Failures || st.Failures < 10 || st.Failed == 0 || st.LastError == "" {
			t.Errorf("%d requests besides %d for the status; %+v", got, am.asked, st)
		}
		am.mu.Lock()
		am.status, am.fallback, am.asked = nil, nil, 0
		am.mu.Unlock()
		elapse(time.Minute + time.Second)
		if got := am.batches(); len(got) != 1 || am.asked != 1 || am.stored("A") == nil || am.stored("B") == nil {
			t.Errorf("the return cost %v, and %d requests for the status", got, am.asked)
		}
	})
}

// unreachable is the error of a connection that there is not.
func unreachable(*fakeAM, *http.Request, []byte) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH}
}

// keptConnection is one connection that holds.
type keptConnection struct{ *fakeAM }

func (k keptConnection) RoundTrip(req *http.Request) (*http.Response, error) {
	httptrace.ContextClientTrace(req.Context()).GotConn(httptrace.GotConnInfo{Reused: true})
	return k.fakeAM.RoundTrip(req)
}

// Over a connection that holds it is asked seldom whether it has restarted.
func TestChecksOverAKeptConnection(t *testing.T) {
	asked := func(kept bool) (n int) {
		synctest.Test(t, func(t *testing.T) {
			am := &fakeAM{started: time.Now()}
			opts := Options{}
			if kept {
				opts.RoundTripper = keptConnection{am}
			}
			notifier, stop := start(t, opts, am)
			for range 30 {
				notifier.Send(all(firing("A")))
				elapse(time.Minute)
			}
			stop()
			n = am.asked
		})
		return n
	}
	if kept, other := asked(true), asked(false); kept < 10 || kept > 11 || other < 29 {
		t.Errorf("in half an hour it was asked %d times over one connection, %d times else", kept, other)
	}
}

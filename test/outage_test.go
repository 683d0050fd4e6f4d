package test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// absence is one way in which an Alertmanager is not there, and what people see of
// it.
type absence struct {
	name string
	am   *alertmanager
	*station
	begin, end func()
	// quiet: nothing fails. forgetful: the Alertmanager no longer knows what it has
	// notified of.
	quiet, forgetful bool
}

// alert is the name of an alert of this outage: several share an Alertmanager.
func (o *absence) alert(which string) string { return strings.ReplaceAll(o.name, " ", "") + which }

// count is how often people were told of an alert.
func (o *absence) count(status, which string) int {
	return o.am.webhook.count(status, o.alert(which))
}

// TestOutages lets an Alertmanager be away in every way there is, all ways at the
// same time. People are told of each incident once: of what began before, of what
// came and went, and of what began meanwhile; and of the end of each.
func TestOutages(t *testing.T) {
	outages := everyOutage(t)
	each := func(do func(o *absence)) {
		t.Helper()
		for _, o := range outages {
			do(o)
		}
	}
	wait := func(what string, check func(o *absence) error) {
		t.Helper()
		each(func(o *absence) { eventually(t, 40*time.Second, o.name+": "+what, func() error { return check(o) }) })
	}
	each(func(o *absence) { o.fire(o.alert("Long"), o.alert("Before")) })
	wait("notified before", func(o *absence) error { return o.told(1, 0, "Long", "Before") })

	each(func(o *absence) { o.begin() })
	each(func(o *absence) { o.fire(o.alert("During"), o.alert("After")) })
	wait("it is noticed", func(o *absence) error {
		if o.status().LastError == "" && !o.quiet {
			return errors.New("nothing fails")
		}
		return nil
	})
	each(func(o *absence) { o.resolve(o.alert("Before"), o.alert("During")) })
	each(func(o *absence) {
		if !o.forgetful { // whose restart only a process sees that was there before
			o.restart() // the journal has it all
		}
	})

	each(func(o *absence) { o.end() })
	wait("notified after", func(o *absence) error {
		return errors.Join(o.told(1, 1, "During"), o.told(1, 0, "After"), o.gotOver("Before"), o.toldAgain("Long"))
	})
	each(func(o *absence) { o.resolve(o.alert("Long"), o.alert("After")) })
	wait("all has ended", func(o *absence) error {
		return errors.Join(o.told(1, 1, "During", "After"), o.gotOver("Before"), o.toldAgain("Long"), o.ended("Long"))
	})
	each(func(o *absence) {
		if late := o.annotation("During"); !o.quiet && !strings.Contains(late, "fired at") {
			t.Errorf("%s: the late report says %q", o.name, late)
		}
		if got := o.status(); o.forgetful != (got.Restarts > 0) {
			t.Errorf("%s: restarts %d, want some only if it forgot", o.name, got.Restarts)
		}
	})
}

// told checks how often people were told of alerts.
func (o *absence) told(firing, resolved int, which ...string) error {
	var errs []error
	for _, w := range which {
		if f, r := o.count("firing", w), o.count("resolved", w); f != firing || r != resolved {
			errs = append(errs, fmt.Errorf("%s firing %d times and resolved %d times, want %d and %d", w, f, r, firing, resolved))
		}
	}
	return errors.Join(errs...)
}

// gotOver checks an alert that ended in the outage, soon after it was told of: whether
// an Alertmanager that has forgotten all had notified of it nobody knows, so it is
// reported late, to be told once more rather than never.
func (o *absence) gotOver(which string) error {
	if o.forgetful {
		return o.told(2, 1, which)
	}
	return o.told(1, 1, which)
}

// toldAgain checks an alert that went on: an Alertmanager that has forgotten that
// it notified of it does so again.
func (o *absence) toldAgain(which string) error {
	want := 1
	if o.forgetful {
		want = 2
	}
	if f := o.count("firing", which); f != want {
		return fmt.Errorf("%s firing %d times, want %d", which, f, want)
	}
	return nil
}

func (o *absence) ended(which string) error {
	if r := o.count("resolved", which); r != 1 {
		return fmt.Errorf("%s resolved %d times, want 1", which, r)
	}
	return nil
}

// annotation is what people were told of a late report.
func (o *absence) annotation(which string) string {
	for _, n := range o.am.webhook.all() {
		if n.Labels["alertname"] == o.alert(which) && n.Status == "firing" {
			return n.Annotations["late_delivery"]
		}
	}
	return ""
}

// everyOutage prepares all of them. What only a proxy does goes to one
// Alertmanager.
func everyOutage(t *testing.T) []*absence {
	t.Helper()
	const repeat = 500 * time.Millisecond
	var all []*absence
	for _, forgetful := range []bool{false, true} {
		o := &absence{name: "stopped", am: startAlertmanager(t), forgetful: forgetful}
		every := repeat
		if forgetful {
			o.name, every = "restarted empty", time.Hour // it is told at once, or never
		}
		o.station = startStation(t, o.am.url, nil, every)
		o.begin = func() { o.am.stop(t) }
		o.end = func() {
			if forgetful {
				if err := os.RemoveAll(filepath.Join(o.am.dir, "data")); err != nil {
					t.Fatal(err)
				}
			}
			o.am.start(t)
		}
		all = append(all, o)
	}
	am := startAlertmanager(t)
	for _, tc := range []struct {
		name  string
		mode  proxyMode
		quiet bool
	}{
		{"answers 500", answers(500), false},
		{"answers 400", answers(400), false},
		{"takes little", narrow, true},
		{"is silent", silent, false},
		{"is slow", slowly, true},
	} {
		p := startProxy(t, am.url, nil)
		all = append(all, &absence{
			name: tc.name, am: am, station: startStation(t, p.URL, nil, repeat), quiet: tc.quiet,
			begin: func() { p.set(tc.mode) }, end: func() { p.set(passOn) },
		})
	}
	for name, ahead := range map[string]time.Duration{"clock ahead": 3 * time.Hour, "clock behind": -3 * time.Hour} {
		p := startProxy(t, am.url, nil)
		p.ahead.Store(int64(ahead))
		all = append(all, &absence{
			name: name, am: am, station: startStation(t, p.URL, nil, repeat),
			begin: func() { p.set(answers(http.StatusServiceUnavailable)) }, end: func() { p.set(passOn) },
		})
	}
	return append(all, expired(t, am, repeat))
}

// expired is a certificate that runs out and is renewed.
func expired(t *testing.T, am *alertmanager, repeat time.Duration) *absence {
	t.Helper()
	ca := newAuthority(t)
	good := ca.issue(time.Now().Add(time.Hour))
	p := startProxy(t, am.url, good)
	return &absence{
		name: "certificate expired", am: am, station: startStation(t, p.URL, ca.transport(), repeat),
		begin: func() {
			p.cert.Store(ca.issue(time.Now().Add(-time.Minute)))
			p.CloseClientConnections()
		},
		end: func() { p.cert.Store(good) },
	}
}

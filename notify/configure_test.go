package notify

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

// alerting reads an `alerting` section as it stands in a file.
func alerting(t *testing.T, text string) config.AlertingConfig {
	t.Helper()
	cfg, err := config.Load("alerting:\n"+text, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return cfg.AlertingConfig
}

func configure(t *testing.T, n *Notifier, cfg config.AlertingConfig) {
	t.Helper()
	if err := n.Configure(cfg); err != nil {
		t.Fatal(err)
	}
}

// fakeSD is a discovery that says what the test sends it.
type fakeSD struct{ says chan []*targetgroup.Group }

func newFakeSD() *fakeSD { return &fakeSD{make(chan []*targetgroup.Group)} }

func (*fakeSD) Name() string { return "fake" }

func (sd *fakeSD) NewDiscoverer(discovery.DiscovererOptions) (discovery.Discoverer, error) {
	return sd, nil
}

func (*fakeSD) NewDiscovererMetrics(prometheus.Registerer, discovery.RefreshMetricsInstantiator) discovery.DiscovererMetrics {
	return nil
}

func (sd *fakeSD) Run(ctx context.Context, up chan<- []*targetgroup.Group) {
	for {
		select {
		case <-ctx.Done():
			return
		case gs := <-sd.says:
			select {
			case <-ctx.Done():
				return
			case up <- gs:
			}
		}
	}
}

// shows has the discovery find Alertmanagers at addresses, and nothing else.
func (sd *fakeSD) shows(addresses ...string) {
	g := &targetgroup.Group{Source: "fake"}
	for _, a := range addresses {
		g.Targets = append(g.Targets, model.LabelSet{model.AddressLabel: model.LabelValue(a)})
	}
	sd.says <- []*targetgroup.Group{g}
	synctest.Wait()
}

// found is a configuration that finds Alertmanagers by discoveries.
func found(sds ...discovery.Config) config.AlertingConfig {
	c := config.DefaultAlertmanagerConfig
	c.ServiceDiscoveryConfigs = sds
	return config.AlertingConfig{AlertmanagerConfigs: config.AlertmanagerConfigs{&c}}
}

// receivers are the names in Status, with where they come from.
func receivers(n *Notifier) []string {
	names := []string{}
	for _, st := range n.Status() {
		name := st.URL + " " + st.Origin
		if !st.LostSince.IsZero() {
			name += " lost"
		}
		names = append(names, name)
	}
	return names
}

func expectReceivers(t *testing.T, n *Notifier, when string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), receivers(n)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

// Where an Alertmanager is, is what Prometheus makes of the same section.
func TestConfigureStatic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{}
		n, _ := start(t, Options{}, am)
		configure(t, n, alerting(t, `
  alertmanagers:
  - static_configs: [{targets: ["b:9093", "a:9093", "A:9093"]}]
    path_prefix: /x/y/
  - scheme: https
    static_configs: [{targets: ["c", "dropped"]}, {targets: ["d"], labels: {__scheme__: http, __alerts_path__: /custom}}]
    relabel_configs: [{source_labels: [__address__], regex: dropped, action: drop}]
  - static_configs: [{targets: ["am:9093"]}]
  - static_configs: [{targets: ["am:9093"]}]
`))
		expectReceivers(t, n, "static", "http://am:9093 setting", "http://a:9093/x/y static", "http://b:9093/x/y static",
			"http://d/custom static", "https://c static")
		n.Send(all(firing("A")))
		synctest.Wait()
		got := map[string]bool{}
		for _, r := range am.got() {
			got[r.url] = true
		}
		want := map[string]bool{}
		for _, u := range []string{"http://am:9093/api/v2/alerts", "http://a:9093/x/y/api/v2/alerts", "http://b:9093/x/y/api/v2/alerts", "http://d/custom", "https://c/api/v2/alerts"} {
			want[u] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("alerts went to (-want +got):\n%s", diff)
		}
	})
}

// What is wrong with a section is one error that names it, and what was there stays.
func TestConfigureRefuses(t *testing.T) {
	n, err := New(Options{Endpoints: mustParse(t, "http://am,http://user:secret@pw")})
	if err != nil {
		t.Fatal(err)
	}
	good := alerting(t, "\n  alertmanagers: [{static_configs: [{targets: [good]}]}]\n")
	configure(t, n, good)
	before := receivers(n)
	old := config.DefaultAlertmanagerConfig
	old.APIVersion = config.AlertmanagerAPIVersionV1
	for want, cfg := range map[string]config.AlertingConfig{
		"alertmanagers[1]: http://x is listed in alertmanagers[0] too": alerting(t, `
  alertmanagers:
  - static_configs: [{targets: [x]}]
  - static_configs: [{targets: [x]}]
    basic_auth: {username: me, password: topsecret}
`),
		"alertmanagers[0]: http://am is listed in ALERTMANAGER_URL too": alerting(t, `
  alertmanagers:
  - static_configs: [{targets: [am]}]
    authorization: {credentials: topsecret}
`),
		"alertmanagers[0]: http://pw is listed in ALERTMANAGER_URL too": alerting(t, `
  alertmanagers: [{static_configs: [{targets: [pw]}]}]
`),
		"alertmanagers[0]: unable to read CA cert": alerting(t, `
  alertmanagers: [{static_configs: [{targets: [x]}], tls_config: {ca_file: /nowhere/topsecret-not}}]
`),
		"api_version": {AlertmanagerConfigs: config.AlertmanagerConfigs{&old}},
		"is empty":    {AlertmanagerConfigs: config.AlertmanagerConfigs{nil}},
		"no address": alerting(t, `
  alertmanagers:
  - static_configs: [{targets: ["x"]}]
    relabel_configs: [{target_label: __address__, replacement: "http://x/"}]
`),
		"port is not between": alerting(t, `
  alertmanagers: [{static_configs: [{targets: ["x:99999"]}]}]
`),
	} {
		err := n.Configure(cfg)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "alerting.alertmanagers[") {
			t.Errorf("got %v, want %q", err, want)
		} else if strings.Contains(err.Error(), "topsecret") && !strings.Contains(err.Error(), "topsecret-not") {
			t.Errorf("a secret shows: %v", err)
		}
		if diff := cmp.Diff(before, receivers(n)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want, diff)
		}
	}
}

// An Alertmanager that is found is told all that fires; one that is lost is kept for an
// hour; one that the configuration drops goes at once, with its metrics.
func TestReceiversComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &fakeAM{}, &fakeAM{}
		reg := prometheus.NewPedanticRegistry()
		var names []string
		n, _ := start(t, Options{Endpoints: []Endpoint{}, RoundTripper: router{"a": a, "b": b}, Registerer: reg, Receivers: func(ns []string) { names = ns }}, nil)
		sd := newFakeSD()
		configure(t, n, found(sd))
		expectReceivers(t, n, "nobody yet", Undiscovered+" ")
		n.Send(all(began("A")))
		sd.shows("a", "b")
		expectReceivers(t, n, "found", "http://a fake", "http://b fake")
		if diff := cmp.Diff([]string{"http://a", "http://b"}, names); diff != "" {
			t.Errorf("names (-want +got):\n%s", diff)
		}
		if a.stored("A") == nil || b.stored("A") == nil {
			t.Error("those who were found were not told what fires")
		}
		sd.shows("b")
		expectReceivers(t, n, "lost", "http://a fake lost", "http://b fake")
		elapse(30 * time.Minute)
		n.Send(all(began("B")))
		synctest.Wait()
		if a.stored("B") == nil {
			t.Error("one that is lost is not told any more")
		}
		sd.shows("a", "b")
		expectReceivers(t, n, "back", "http://a fake", "http://b fake")
		sd.shows("b")
		elapse(lostKept + 2*time.Minute)
		expectReceivers(t, n, "after an hour", "http://b fake")
		if got := perReceiver(t, reg, "http://a"); got != 0 {
			t.Errorf("%d metrics of a receiver that is gone", got)
		}

		b.then(fail, fail, fail, fail, fail)
		n.Send(all(began("C")))
		synctest.Wait()
		configure(t, n, found(sd)) // the same again
		expectReceivers(t, n, "reloaded", "http://b fake")
		if st := n.Status()[0]; st.Undelivered != 1 || st.Failures == 0 {
			t.Errorf("a reload has touched the outbox: %+v", st)
		}
		configure(t, n, config.AlertingConfig{})
		expectReceivers(t, n, "dropped")
		if got := perReceiver(t, reg, "http://b"); got != 0 {
			t.Errorf("%d metrics of a receiver that is gone", got)
		}
	})
}

// perReceiver counts the series of a receiver.
func perReceiver(t *testing.T, reg prometheus.Gatherer, name string) (n int) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetValue() == name {
					n++
				}
			}
		}
	}
	return n
}

// An incident that is over before anyone is found is reported late to those who are; one
// that goes on is owed to them.
func TestIncidentBeforeDiscovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{}
		n, _ := start(t, Options{Endpoints: []Endpoint{}}, am)
		sd := newFakeSD()
		configure(t, n, found(sd))
		over1, goes := began("Over"), began("Goes")
		n.Send(all(over1, goes))
		elapse(5 * time.Minute)
		n.Send(all(over(over1), goes))
		sd.shows()
		expectReceivers(t, n, "found nobody", Undiscovered+" ")
		if st := n.Status()[0]; st.Undelivered != 2 {
			t.Errorf("owed to nobody: %+v", st)
		}
		am.then(fail)
		sd.shows("a")
		elapse(2 * time.Second)
		expectReceivers(t, n, "found", "http://a fake")
		if a := am.stored("Over"); a == nil || a.Annotations[LateAnnotation] == "" || isResolved(a) {
			t.Errorf("not reported late: %+v", a)
		}
		if a := am.stored("Goes"); a == nil || isResolved(a) {
			t.Errorf("what goes on: %+v", a)
		}
	})
}

// An Alertmanager that moves to another address is told there what it was owed.
func TestAlertmanagerMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, young := &fakeAM{fallback: fail}, &fakeAM{}
		n, _ := start(t, Options{Endpoints: []Endpoint{}, RoundTripper: router{"old": old, "young": young}}, nil)
		sd := newFakeSD()
		configure(t, n, found(sd))
		sd.shows("old")
		a := began("A")
		n.Send(all(a))
		elapse(5 * time.Minute)
		n.Send(all(over(a)))
		sd.shows("young")
		expectReceivers(t, n, "moved", "http://old fake lost", "http://young fake")
		if got := young.stored("A"); got == nil || got.Annotations[LateAnnotation] == "" {
			t.Errorf("not reported late at the new address: %+v", got)
		}
		elapse(lostKept + 2*time.Minute)
		expectReceivers(t, n, "moved for good", "http://young fake")
	})
}

// TestRestoreBeforeDiscovery: what the process before has left for an Alertmanager is
// kept until discovery has answered, and an hour longer.
func TestRestoreBeforeDiscovery(t *testing.T) {
	for _, comes := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			a, b := &fakeAM{}, &fakeAM{}
			n, _ := start(t, Options{Endpoints: []Endpoint{}, RoundTripper: router{"a": a, "b": b}}, nil)
			sd := newFakeSD()
			configure(t, n, found(sd))
			was := began("A")
			gone := over(was)
			gone.EndsAt = was.StartsAt.Add(time.Minute)
			n.Restore(map[string][]alert.Undelivered{
				"http://a": {{Notification: gone, Unseen: true, Count: 1, LastStart: was.StartsAt}},
				"http://b": nil,
			})
			expectReceivers(t, n, "remembered", "http://a ", "http://b ")
			n.Send(all(began("B")))
			elapse(3 * lostKept)
			expectReceivers(t, n, "no answer", "http://a ", "http://b ")
			if st := n.Status()[0]; st.Undelivered != 2 {
				t.Errorf("owed: %+v", st)
			}
			if !comes {
				sd.shows("b")
				expectReceivers(t, n, "not there", "http://b fake", "http://a  lost")
				elapse(lostKept + 2*time.Minute)
				expectReceivers(t, n, "not there for long", "http://b fake")
				if b.stored("A") != nil || b.stored("B") == nil {
					t.Errorf("told the other: A %v, B %v", b.stored("A"), b.stored("B"))
				}
				return
			}
			sd.shows("a", "b")
			if got := a.stored("A"); got == nil || got.Annotations[LateAnnotation] == "" {
				t.Errorf("not reported late: %+v", got)
			}
		})
	}
}

// The configuration has other Alertmanagers after a restart: they are told what the
// ones before were not.
func TestRestoreToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{}
		var mu sync.Mutex
		got := map[string]int{} // guarded by mu
		n, _ := start(t, Options{Endpoints: []Endpoint{}, Delivered: func(name string, rs []alert.Receipt) {
			mu.Lock()
			defer mu.Unlock()
			got[name] += len(rs)
		}}, am)
		configure(t, n, alerting(t, "\n  alertmanagers: [{static_configs: [{targets: [new1, new2]}]}]\n"))
		was := began("A")
		gone := over(was)
		gone.EndsAt = was.StartsAt.Add(time.Minute)
		u := alert.Undelivered{Notification: gone, Unseen: true, Count: 1, LastStart: was.StartsAt}
		n.Restore(map[string][]alert.Undelivered{"http://old1": {u}, "http://old2": {u}, Undiscovered: {u}})
		synctest.Wait()
		expectReceivers(t, n, "restored", "http://new1 static", "http://new2 static")
		if a := am.stored("A"); a == nil || !strings.Contains(a.Annotations[LateAnnotation], "fired at") {
			t.Errorf("not reported late, once: %+v", a)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, name := range []string{"http://old1", "http://old2", Undiscovered} {
			if got[name] != 1 {
				t.Errorf("%s: %d receipts, want 1", name, got[name])
			}
		}
	})
}

// TestFoundCount is what TocsinAlertmanagersNotFound goes by.
func TestFoundCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := start(t, Options{Endpoints: []Endpoint{}}, &fakeAM{})
		sd := newFakeSD()
		configure(t, n, found(sd))
		gauge := n.metrics.found.WithLabelValues("alertmanagers[0]")
		if got := testutil.ToFloat64(gauge); got != 0 {
			t.Errorf("found %v before the first answer", got)
		}
		sd.shows("a", "b")
		if got, there := testutil.ToFloat64(gauge), testutil.ToFloat64(n.metrics.discovered); got != 2 || there != 2 {
			t.Errorf("found %v, there are %v; want 2", got, there)
		}
		sd.shows()
		if got, there := testutil.ToFloat64(gauge), testutil.ToFloat64(n.metrics.discovered); got != 0 || there != 0 {
			t.Errorf("found %v, there are %v; want 0", got, there)
		}
	})
}

// TestConfigureWhileSending: receivers come and go while alerts are handed over.
func TestConfigureWhileSending(t *testing.T) {
	am := &fakeAM{}
	n, stop := start(t, Options{}, am)
	var sending sync.WaitGroup
	for i := range 4 {
		sending.Go(func() {
			for j := range 50 {
				n.Send(all(began(fmt.Sprint(i, "-", j))))
				n.Status()
				n.Deliveries(labels.FromStrings("alertname", "A"))
				n.Undelivered()
			}
		})
	}
	for i := range 50 {
		configure(t, n, alerting(t, fmt.Sprintf("\n  alertmanagers: [{static_configs: [{targets: [x%d, x%d]}]}]\n", i%3, i%5)))
		n.SetExternalLabels(labels.FromStrings("host", fmt.Sprint(i)))
	}
	sending.Wait()
	stop()
	if got := len(n.Status()); got != 3 {
		t.Errorf("%d receivers, want 3: %v", got, receivers(n))
	}
}

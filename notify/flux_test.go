package notify

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

// night is a section whose receivers know alerts by a label of their own.
func night(t *testing.T, sd *fakeSD) config.AlertingConfig {
	cfg := found(sd)
	cfg.AlertmanagerConfigs[0].AlertRelabelConfigs = alerting(t, `
  alertmanagers: [{static_configs: [], alert_relabel_configs: [{target_label: team, replacement: night}]}]
`).AlertmanagerConfigs[0].AlertRelabelConfigs
	return cfg
}

// An alert that fires when the process ends, and that one member of a cluster was not
// told of, is known by the others after the restart too.
func TestClusterAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(2, true)
		n, _ := start(t, Options{Endpoints: mustParse(t, c.urls()), RoundTripper: c}, nil)
		a := began("A")
		elapse(30 * time.Second)
		n.Restore(map[string][]alert.Undelivered{
			"http://a:9093": nil, "http://b:9093": {{Notification: a, Count: 1, LastStart: a.StartsAt}},
		})
		elapse(10 * time.Second)
		n.Send(all(over(a)))
		elapse(time.Minute)
		for host, am := range c.router {
			if got := am.stored("A"); got == nil || !isResolved(got) || got.Annotations[LateAnnotation] != "" {
				t.Errorf("%s was told %+v, want the end alone", host, got)
			}
		}
	})
}

// A member that went away right after it was told has notified nobody, as far as anyone
// knows: it keeps no other from being told late.
func TestClusterMemberThatWasToldAndDied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(2, true)
		n, _ := start(t, Options{Endpoints: mustParse(t, c.urls()), RoundTripper: c}, nil)
		n.Send(all(began("Else")))
		elapse(time.Second)
		set := func(host string, fallback outcome) {
			c.router[host].mu.Lock()
			defer c.router[host].mu.Unlock()
			c.router[host].fallback = fallback
		}
		set("b", fail)
		a := began("A")
		n.Send(all(a))
		elapse(5 * time.Second)
		set("a", fail)
		elapse(15 * time.Second)
		n.Send(all(over(a)))
		elapse(5 * time.Second)
		set("b", nil)
		elapse(2 * time.Minute)
		if got := c.router["b"].stored("A"); got == nil || got.Annotations[LateAnnotation] == "" {
			t.Errorf("nobody was told in time, nor late: %+v", got)
		}
	})
}

// A discovery that is configured otherwise changes nothing about labels while it has not
// answered.
func TestRelabellingOutlivesADiscovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{}
		n, _ := start(t, Options{Endpoints: []Endpoint{}}, am)
		first, second := newFakeSD(), newFakeSD()
		configure(t, n, night(t, first))
		first.shows("a")
		n.Send(all(began("A")))
		elapse(time.Second)
		configure(t, n, night(t, second))
		n.Send(all(began("B")))
		elapse(time.Minute)
		second.shows("a")
		elapse(time.Minute)
		expectLabelled(t, am, "with another discovery", "team", map[string]string{"A night": "firing", "B night": "firing"})
	})
}

// What the process before has left for an Alertmanager that is found later is told there
// as its section relabels it, and so is what comes in between.
func TestRelabellingOfWhatIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{}
		n, _ := start(t, Options{Endpoints: []Endpoint{}}, am)
		sd := newFakeSD()
		configure(t, n, night(t, sd))
		a, late, goes := began("Ended"), began("Late"), began("Goes")
		elapse(time.Minute)
		n.Restore(map[string][]alert.Undelivered{"http://a": {
			{Notification: over(a), Count: 1, LastStart: a.StartsAt},
			{Notification: over(late), Unseen: true, Count: 1, LastStart: late.StartsAt},
			{Notification: goes, Count: 1, LastStart: goes.StartsAt},
		}})
		n.Send(all(began("New"), again(goes), again(began("Old"))))
		elapse(time.Second)
		sd.shows("a")
		elapse(time.Second)
		expectLabelled(t, am, "found", "team", map[string]string{
			"Ended night": "resolved", "Late night": "firing", "Goes night": "firing", "New night": "firing", "Old night": "firing",
		})
	})
}

// What is owed to one that goes is owed to those who stay, if they came too late to be
// told of it.
func TestEstateOfTheLastWhoWasThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, young := &fakeAM{fallback: fail}, &fakeAM{}
		n, _ := start(t, Options{Endpoints: []Endpoint{}, RoundTripper: router{"old": old, "young": young}}, nil)
		configure(t, n, alerting(t, "\n  alertmanagers: [{static_configs: [{targets: [old]}]}]\n"))
		a, b := began("A"), began("B")
		n.Send(all(a))
		elapse(time.Minute)
		n.Send(all(over(a)))
		elapse(time.Minute)
		configure(t, n, alerting(t, "\n  alertmanagers: [{static_configs: [{targets: [old, young]}]}]\n"))
		n.Send(all(b))
		elapse(time.Minute)
		n.Send(all(over(b)))
		elapse(time.Minute)
		configure(t, n, alerting(t, "\n  alertmanagers: [{static_configs: [{targets: [young]}]}]\n"))
		elapse(time.Minute)
		if got := young.stored("A"); got == nil || got.Annotations[LateAnnotation] == "" {
			t.Errorf("nobody was told of what was over before the other came: %+v", got)
		}
		if got := young.stored("B"); got == nil || got.Annotations[LateAnnotation] != "" || !isResolved(got) {
			t.Errorf("told again: %+v", got)
		}
	})
}

// The end of an incident that the Alertmanager could not be told is nobody's business
// once it knows of the next one.
func TestEndBeforeTheNextBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{}
		var told []alert.Receipt
		n, _ := start(t, Options{Delivered: func(_ string, rs []alert.Receipt) { told = append(told, rs...) }}, am)
		first := began("A")
		n.Send(all(first))
		elapse(time.Minute)
		am.then(fail, fail, fail)
		n.Send(all(over(first)))
		elapse(500 * time.Millisecond)
		second := began("A")
		n.Send(all(second))
		elapse(20 * time.Minute)
		if st := n.Status()[0]; st.Undelivered != 0 {
			t.Errorf("owed: %+v", st)
		}
		settled := false
		for _, r := range told {
			settled = settled || r.StartsAt.Equal(first.StartsAt) && r.Told != alert.ToldFiring
		}
		if !settled {
			t.Errorf("the journal keeps the end of the first: %+v", told)
		}
	})
}

// A discovery that finds another Alertmanager each time does not pile them up.
func TestLostAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := start(t, Options{Endpoints: []Endpoint{}}, &fakeAM{})
		sd := newFakeSD()
		configure(t, n, found(sd))
		n.Send(all(began("A")))
		for i := range 4 * maxLost {
			sd.shows(fmt.Sprint("am", i))
			elapse(time.Second)
		}
		got := receivers(n)
		if len(got) != maxLost+1 || !slices.Contains(got, fmt.Sprintf("http://am%d fake", 4*maxLost-1)) {
			t.Errorf("%d receivers: %v", len(got), got)
		}
	})
}

// Members without a name are no members of one cluster.
func TestPeersWithoutANameAreNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &fakeAM{}, &fakeAM{}
		b.status = func(*fakeAM, *http.Request, []byte) (*http.Response, error) {
			return answer(http.StatusOK, "application/json", `{"uptime":"2000-01-01T00:00:00Z","cluster":{"name":"b","peers":[{},{"name":"b"}]}}`), nil
		}
		n, _ := start(t, Options{Endpoints: mustParse(t, "http://a:9093,http://b:9093"), RoundTripper: router{"a": a, "b": b}}, nil)
		n.Send(all(began("Else")))
		elapse(time.Second)
		misses(n, b)
		elapse(2 * time.Minute)
		if got := b.stored("A"); got == nil || got.Annotations[LateAnnotation] == "" {
			t.Errorf("not reported late: %+v", got)
		}
	})
}

// Run ends in time, whatever the number of Alertmanagers that hang, and those that
// were gone by then.
func TestDrainOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, stop := start(t, Options{Endpoints: []Endpoint{}}, &fakeAM{fallback: hang})
		sd := newFakeSD()
		configure(t, n, found(sd))
		var many []string
		for i := range 200 {
			many = append(many, fmt.Sprint("am", i))
		}
		sd.shows(many...)
		n.Send(all(began("A")))
		elapse(time.Second)
		sd.shows(many[100:]...)
		began := time.Now()
		stop()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("Run took %s to end", took)
		}
	})
}

// A reload in the middle of a delivery neither loses nor repeats it at an Alertmanager
// that stays, and one that goes away and comes back is told what fires.
func TestReloadDuringADelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{}
		n, _ := start(t, Options{Endpoints: []Endpoint{}}, am)
		with := func(timeout string) config.AlertingConfig {
			return alerting(t, "\n  alertmanagers: [{timeout: "+timeout+", static_configs: [{targets: [am]}]}]\n")
		}
		configure(t, n, with("10s"))
		am.then(slow(2*time.Second, accept))
		n.Send(all(began("A")))
		elapse(time.Second)
		configure(t, n, with("5s"))
		elapse(time.Minute)
		if got := am.batches(); len(got) != 1 || n.Status()[0].Undelivered != 0 {
			t.Errorf("sent %v, %+v", got, n.Status()[0])
		}
		am.then(slow(2*time.Second, accept))
		b := began("B")
		n.Send(all(b))
		elapse(time.Second)
		configure(t, n, config.AlertingConfig{})
		n.Send(all(over(b)))
		configure(t, n, with("5s"))
		elapse(time.Minute)
		if got := am.stored("A"); got == nil || isResolved(got) {
			t.Errorf("what fires, at one that is back: %+v", got)
		}
	})
}

// Labels change while late reports wait and stand: nobody is told of one incident under
// both.
func TestSetExternalLabelsWithLateReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{fallback: fail}
		n, _ := start(t, Options{ExternalLabels: labels.FromStrings("host", "old")}, am)
		waits, stands := began("Waits"), began("Stands")
		n.Send(all(stands))
		elapse(time.Minute)
		n.Send(all(over(stands)))
		am.mu.Lock()
		am.fallback = nil
		am.mu.Unlock()
		elapse(time.Minute)
		am.mu.Lock()
		am.fallback = fail
		am.mu.Unlock()
		n.Send(all(waits))
		elapse(time.Minute)
		n.Send(all(over(waits)))
		n.SetExternalLabels(labels.FromStrings("host", "new"))
		stands.StartsAt = time.Now()
		n.Send(all(again(over(waits)), began("Stands")))
		elapse(time.Minute)
		am.mu.Lock()
		am.fallback = nil
		am.mu.Unlock()
		elapse(2 * time.Minute)
		late := map[string]int{}
		am.mu.Lock()
		for _, p := range am.known {
			if p.Annotations[LateAnnotation] != "" {
				late[p.Labels["alertname"]]++
			}
		}
		am.mu.Unlock()
		if late["Waits"] != 1 || late["Stands"] != 1 {
			t.Errorf("reported late: %v, of %v", late, labelled(am, "host"))
		}
		if got := labelled(am, "host")["Stands new"]; got != "firing" {
			t.Errorf("what fires anew: %s", got)
		}
		elapse(10 * time.Minute)
		if st := n.Status()[0]; st.Undelivered+st.Pending != 0 {
			t.Errorf("owed in the end: %+v", st)
		}
	})
}

// What was posted to a bare path is posted to the API below it once the file says so.
func TestReloadFromAPathToAPrefix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{}
		n, _ := start(t, Options{Endpoints: []Endpoint{}}, am)
		configure(t, n, alerting(t, "\n  alertmanagers: [{static_configs: [{targets: [am], labels: {__alerts_path__: /x}}]}]\n"))
		n.Send(all(began("A")))
		elapse(time.Second)
		configure(t, n, alerting(t, "\n  alertmanagers: [{path_prefix: /x, static_configs: [{targets: [am]}]}]\n"))
		n.Send(all(began("B")))
		elapse(time.Second)
		var urls []string
		for _, r := range am.got() {
			urls = append(urls, r.url)
		}
		if want := []string{"http://am/x", "http://am/x/api/v2/alerts"}; !slices.Equal(urls, want) {
			t.Errorf("posted to %v, want %v", urls, want)
		}
	})
}

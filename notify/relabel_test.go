package notify

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

// labelled is what the fake has of alerts by a label's value: firing or resolved.
func labelled(am *fakeAM, label string) map[string]string {
	am.mu.Lock()
	defer am.mu.Unlock()
	states := map[string]string{}
	for _, a := range am.known {
		state := "firing"
		if isResolved(a) {
			state = "resolved"
		}
		states[a.Labels["alertname"]+" "+a.Labels[label]] = state
	}
	return states
}

func expectLabelled(t *testing.T, am *fakeAM, when, label string, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, labelled(am, label)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

// What fires ends under the old labels and goes on under the new ones, in that order,
// whether the Alertmanager has been told of it, is being told or could not be.
func TestSetExternalLabels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		am := &fakeAM{}
		n, _ := start(t, Options{ExternalLabels: labels.FromStrings("host", "old")}, am)
		n.Send(all(began("Told")))
		synctest.Wait()
		am.then(slow(time.Second, accept))
		n.Send(all(began("Underway")))
		synctest.Wait()
		n.SetExternalLabels(labels.FromStrings("host", "new"))
		n.SetExternalLabels(labels.FromStrings("host", "new")) // changes nothing
		elapse(2 * time.Second)
		expectLabelled(t, am, "changed", "host", map[string]string{
			"Told old": "resolved", "Told new": "firing", "Underway old": "resolved", "Underway new": "firing",
		})
		last := am.batches()[len(am.batches())-1]
		if want := []string{"Told firing", "Underway firing"}; len(last) != 4 || !slices.Equal(last[2:], want) {
			t.Errorf("sent %v, want both ends before both begins", last)
		}
		if d := n.Deliveries(labels.FromStrings("alertname", "Told"))[0]; d.ToldAt.IsZero() || d.Resolved {
			t.Errorf("by the new labels: %+v", d)
		}
	})
}

// An incident that could not be told under the old labels is owed under the new ones,
// also when it ends before that.
func TestSetExternalLabelsInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []alert.Receipt
		am := &fakeAM{fallback: fail}
		n, _ := start(t, Options{ExternalLabels: labels.FromStrings("host", "old"),
			Delivered: func(_ string, rs []alert.Receipt) { told = append(told, rs...) }}, am)
		a, b := began("Ends"), began("Goes")
		n.Send(all(a, b))
		elapse(5 * time.Minute)
		for _, x := range []alert.Notification{a, b} {
			x.News, x.EndsAt = false, time.Now().Add(4*time.Minute)
			n.Send(all(x))
		}
		n.SetExternalLabels(labels.FromStrings("host", "new"))
		if left := n.Undelivered()["http://am:9093"]; len(left) != 2 {
			t.Errorf("owed after the change: %+v", left)
		}
		n.Send(all(over(a)))
		elapse(time.Minute)
		am.mu.Lock()
		am.fallback = nil
		am.mu.Unlock()
		elapse(time.Minute)
		got := labelled(am, "host")
		if got["Goes new"] != "firing" || got["Ends new"] != "firing" || got["Goes old"] == "firing" || got["Ends old"] == "firing" {
			t.Errorf("after the outage: %v", got)
		}
		am.mu.Lock()
		for _, p := range am.known {
			late := p.Annotations[LateAnnotation] != ""
			if want := p.Labels["alertname"] == "Ends" && p.Labels["host"] == "new"; late != want {
				t.Errorf("%v reported late: %t", p.Labels, late)
			}
		}
		am.mu.Unlock()
		elapse(10 * time.Minute)
		n.Send(all(over(b)))
		elapse(time.Minute)
		if left := n.Undelivered()["http://am:9093"]; len(left) != 0 {
			t.Errorf("left in the end: %+v", left)
		}
		for _, r := range told {
			if r.Told == alert.ToldNever && r.Fingerprint == alert.Fingerprint(b.Labels.Hash()) {
				t.Errorf("given up: %+v", r)
			}
		}
	})
}

const relabelled = `
  alert_relabel_configs: [{regex: secret, action: labeldrop}]
  alertmanagers:
  - static_configs: [{targets: [all]}]
  - static_configs: [{targets: [pages]}]
    alert_relabel_configs: [{source_labels: [severity], regex: page, action: keep}, {target_label: team, replacement: night}]
`

// An alert that relabelling drops for a receiver is never news there; when that changes
// it begins or ends there.
func TestAlertRelabelling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		everyone, pages := &fakeAM{}, &fakeAM{}
		var mu sync.Mutex
		receipts := map[string][]alert.Receipt{} // guarded by mu
		n, _ := start(t, Options{Endpoints: []Endpoint{}, RoundTripper: router{"all": everyone, "pages": pages},
			ExternalLabels: labels.FromStrings("host", "edge"),
			Delivered: func(name string, rs []alert.Receipt) {
				mu.Lock()
				defer mu.Unlock()
				receipts[name] = append(receipts[name], rs...)
			}}, nil)
		configure(t, n, alerting(t, relabelled))
		page, info := began("Page"), began("Info")
		page.Labels = labels.FromStrings("alertname", "Page", "severity", "page", "secret", "x")
		info.Labels = labels.FromStrings("alertname", "Info", "severity", "info", "secret", "x")
		n.Send(all(page, info))
		synctest.Wait()
		expectLabelled(t, everyone, "all", "secret", map[string]string{"Page ": "firing", "Info ": "firing"})
		expectLabelled(t, pages, "pages", "team", map[string]string{"Page night": "firing"})
		never := alert.Receipt{Fingerprint: info.Fingerprint(), StartsAt: info.StartsAt, Told: alert.ToldNever}
		mu.Lock()
		if !slices.Contains(receipts["http://pages"], never) || slices.Contains(receipts["http://all"], never) {
			t.Errorf("receipts %+v, want that pages is never told of Info", receipts)
		}
		mu.Unlock()
		if d := n.Deliveries(info.Labels); d[0].Withheld || d[0].ToldAt.IsZero() || !d[1].Withheld || !d[1].ToldAt.IsZero() {
			t.Errorf("deliveries of Info: %+v", d)
		}

		// Info is for pages now, Page is not.
		cfg := alerting(t, relabelled)
		configure(t, n, cfg)
		elapse(time.Second)
		if got := len(pages.got()); got != 1 {
			t.Errorf("the same again made %d requests", got)
		}
		swapped := alerting(t, "\n  alertmanagers:\n  - static_configs: [{targets: [all]}]\n  - static_configs: [{targets: [pages]}]\n    alert_relabel_configs: [{source_labels: [severity], regex: info, action: keep}]\n")
		configure(t, n, swapped)
		elapse(time.Second)
		expectLabelled(t, pages, "swapped", "team", map[string]string{"Page night": "resolved", "Info ": "firing"})
		expectLabelled(t, everyone, "without the global ones", "secret",
			map[string]string{"Page ": "resolved", "Info ": "resolved", "Page x": "firing", "Info x": "firing"})

		configure(t, n, config.AlertingConfig{AlertmanagerConfigs: swapped.AlertmanagerConfigs[:1]})
		n.Restore(map[string][]alert.Undelivered{"http://all": nil}) // and nobody misses the other
		expectReceivers(t, n, "one is dropped", "http://all static")
	})
}

// What relabelling drops is not taken over from the process before.
func TestRestoreOfWhatIsDropped(t *testing.T) {
	var told []alert.Receipt
	n, err := New(Options{Delivered: func(_ string, rs []alert.Receipt) { told = append(told, rs...) }})
	if err != nil {
		t.Fatal(err)
	}
	configure(t, n, alerting(t, "\n  alert_relabel_configs: [{source_labels: [alertname], regex: A, action: drop}]\n  alertmanagers: [{static_configs: [{targets: [am]}]}]\n"))
	u := alert.Undelivered{Notification: alert.Notification{Labels: labels.FromStrings("alertname", "A"), StartsAt: t0, EndsAt: t0.Add(time.Hour)}, Count: 1}
	n.Restore(map[string][]alert.Undelivered{"http://am": {u}})
	if st := n.Status()[0]; st.Pending+st.Undelivered != 0 || len(told) != 1 || told[0].Told != alert.ToldNever {
		t.Errorf("%+v, receipts %+v", st, told)
	}
}

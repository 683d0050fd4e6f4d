package history

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
)

// minutes after 1970 is how the tests write times: samples are a minute apart.
func minutes(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return fmt.Sprint(t.Sub(time.Unix(0, 0)).Minutes())
}

func read(t *testing.T, series string, o Options) *History {
	t.Helper()
	load := "load 1m"
	for line := range strings.Lines(series) {
		if line = strings.TrimSpace(line); line != "" {
			load += "\n  " + line
		}
	}
	o.Source = promqltest.LoadedStorage(t, load)
	if o.To.IsZero() {
		o.From, o.To = time.Unix(0, 0), time.Unix(3600, 0)
	}
	if o.MaxAlerts == 0 {
		o.MaxAlerts = 100
	}
	o.Interval = time.Minute
	h, err := Read(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// text is a history in one line an alert: active, start, fired, end and state of
// each incident.
func text(h *History) []string {
	var out []string
	for _, a := range h.Alerts {
		line := a.Labels.String()
		for _, x := range a.Incidents {
			state := map[[2]bool]string{{true, false}: "resolved", {false, true}: "open", {}: "lost"}[[2]bool{x.Resolved, x.Open}]
			line += fmt.Sprintf(" [%s %s %s %s %s]", minutes(x.Active), minutes(x.Start), minutes(x.Fired), minutes(x.End), state)
		}
		out = append(out, line)
	}
	for _, g := range h.Gaps {
		out = append(out, fmt.Sprintf("gap %s %s", minutes(g.From), minutes(g.To)))
	}
	return out
}

// each alert has a value of ALERTS_FOR_STATE that says since when: 120 is minute 2.
func TestRead(t *testing.T) {
	const up = "\nup 1x60"
	for name, tc := range map[string]struct {
		series string
		want   []string
	}{
		"nothing": {up, nil},
		"pending, then firing, then resolved": {up + `
			ALERTS_FOR_STATE{alertname="A",k="v"} _ _ 120x9 stale
			ALERTS{alertname="A",k="v",alertstate="pending"} _ _ 1x4 stale
			ALERTS{alertname="A",k="v",alertstate="firing"} _x7 1x4 stale`,
			[]string{`{alertname="A", k="v"} [2 2 7 12 resolved]`}},
		"pending only": {up + `
			ALERTS_FOR_STATE{alertname="A"} 0x3 stale
			ALERTS{alertname="A",alertstate="pending"} 1x3 stale`,
			[]string{`{alertname="A"} [0 0 - 4 resolved]`}},
		"goes on": {up + `
			ALERTS_FOR_STATE{alertname="A"} -600x60
			ALERTS{alertname="A",alertstate="firing"} 1x60`,
			[]string{`{alertname="A"} [-10 0 0 60 open]`}},
		"twice": {up + `
			ALERTS_FOR_STATE{alertname="A"} 0x4 stale _x4 600x4 stale
			ALERTS{alertname="A",alertstate="firing"} 1x4 stale _x4 1x4 stale`,
			[]string{`{alertname="A"} [0 0 0 5 resolved] [10 10 10 15 resolved]`}},
		"twice without a pause between": {up + `
			ALERTS_FOR_STATE{alertname="A"} 0x4 stale 360x4 stale
			ALERTS{alertname="A",alertstate="firing"} 1x4 stale 1x4 stale`,
			[]string{`{alertname="A"} [0 0 0 5 resolved] [6 6 6 11 resolved]`}},
		"a restart while it fires": {`
			up 1x10 _x19 1x30
			ALERTS_FOR_STATE{alertname="A"} 0x10 _x19 0x30
			ALERTS{alertname="A",alertstate="firing"} 1x10 _x19 1x30`,
			[]string{`{alertname="A"} [0 0 0 60 open]`, "gap 10 30"}},
		"a restart while it is pending: the time without does not count": {`
			up 1x10 _x19 1x30
			ALERTS_FOR_STATE{alertname="A"} _x8 480x2 _x19 1680x30
			ALERTS{alertname="A",alertstate="pending"} _x8 1x2 _x19 1x3 stale
			ALERTS{alertname="A",alertstate="firing"} _x34 1x26`,
			[]string{`{alertname="A"} [8 8 34 60 open]`, "gap 10 30"}},
		"a restart that finds it resolved": {`
			up 1x10 _x19 1x30
			ALERTS_FOR_STATE{alertname="A"} 0x10 _x19 stale
			ALERTS{alertname="A",alertstate="firing"} 1x10 _x19 stale`,
			[]string{`{alertname="A"} [0 0 0 30 resolved]`, "gap 10 30"}},
		"a reload that keeps its state": {up + `
			ALERTS_FOR_STATE{alertname="A"} 0x10 stale 0x48
			ALERTS{alertname="A",alertstate="firing"} 1x10 stale 1x48`,
			[]string{`{alertname="A"} [0 0 0 60 open]`}},
		"a rule that was gone, and another day there again": {up + `
			ALERTS_FOR_STATE{alertname="A"} 0x10 _x19 1800x10
			ALERTS{alertname="A",alertstate="firing"} 1x10 _x19 1x10`,
			[]string{`{alertname="A"} [0 0 0 10 lost] [30 30 30 40 lost]`}},
		"paused since": {`
			up 1x30
			ALERTS_FOR_STATE{alertname="A"} 0x30
			ALERTS{alertname="A",alertstate="firing"} 1x30`,
			[]string{`{alertname="A"} [0 0 0 30 open]`, "gap 30 60"}},
		"two targets that take turns leave no gap": {"up{a=\"1\"} 1x29\nup{a=\"2\"} _x31 1x29", nil},
		"a gap is three intervals":                 {"up 1x10 _ _ 1x17 _ 1x29", []string{"gap 10 13"}},
		"nothing is scraped":                       {`ALERTS_FOR_STATE{alertname="A"} 0x3 stale`, []string{`{alertname="A"} [0 0 - 4 resolved]`}},
		"markers alone":                            {up + "\nALERTS_FOR_STATE{alertname=\"A\"} stale", nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := read(t, tc.series, Options{})
			if diff := cmp.Diff(tc.want, text(h)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if h.Known != strings.Contains(tc.series, "up") {
				t.Errorf("gaps known: %v", h.Known)
			}
		})
	}
}

// An alert goes on from one evaluation to the next, however seldom they are.
func TestReadSeldomEvaluated(t *testing.T) {
	series := `
		up 1x60
		ALERTS_FOR_STATE{alertname="A"} 0 _x19 0 _x19 0
		ALERTS{alertname="A",alertstate="firing"} 1 _x19 1 _x19 1`
	for every, want := range map[time.Duration]string{
		20 * time.Minute: `{alertname="A"} [0 0 0 40 open]`,
		time.Minute:      `{alertname="A"} [0 0 0 40 lost]`, // its rule is gone
	} {
		if diff := cmp.Diff([]string{want}, text(read(t, series, Options{Evaluation: every}))); diff != "" {
			t.Errorf("every %s (-want +got):\n%s", every, diff)
		}
	}
}

// The time of the history is its own: what was before is not read, and counts as
// gone on before.
func TestReadCuts(t *testing.T) {
	series := `
		up 1x60
		ALERTS_FOR_STATE{alertname="A"} 0x40 stale
		ALERTS{alertname="A",alertstate="firing"} 1x40 stale`
	h := read(t, series, Options{From: time.Unix(20*60, 0), To: time.Unix(30*60, 0)})
	if diff := cmp.Diff([]string{`{alertname="A"} [0 20 20 30 open]`}, text(h)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadNarrows(t *testing.T) {
	series := "up 1x60"
	for i := range 9 {
		series += fmt.Sprintf("\nALERTS_FOR_STATE{alertname=\"A\",i=\"%d\"} 0x60", i)
	}
	odd := func(ls labels.Labels) bool { return strings.Contains("13579", ls.Get("i")) }
	few := labels.MustNewMatcher(labels.MatchRegexp, "i", "[1-6]")
	for name, tc := range map[string]struct {
		o         Options
		want      string
		left      int
		knownGaps bool
	}{
		"all":   {Options{}, "012345678", 0, true},
		"match": {Options{Matchers: []*labels.Matcher{few}}, "123456", 0, true},
		"keep":  {Options{Matchers: []*labels.Matcher{few}, Keep: odd}, "135", 0, true},
		"bound": {Options{Keep: odd, MaxAlerts: 3}, "135", 1, true},
	} {
		h := read(t, series, tc.o)
		got := ""
		for _, a := range h.Alerts {
			got += a.Labels.Get("i")
		}
		if got != tc.want || h.Left != tc.left || len(h.Gaps) != 0 || !h.Known {
			t.Errorf("%s: alerts %s, %d left, gaps %v", name, got, h.Left, h.Gaps)
		}
	}
}

// An alert that comes and goes all the time costs bounded memory.
func TestReadForgets(t *testing.T) {
	h := read(t, "up 1x1400\nALERTS_FOR_STATE{alertname=\"A\"} "+strings.Repeat("stale 7 ", 600)+"7", Options{To: time.Unix(1400*60, 0)})
	if len(h.Alerts) != 1 || len(h.Alerts[0].Incidents) != 1 {
		t.Fatalf("the same incident: %v", text(h))
	}
	var series strings.Builder
	for i := range 600 {
		fmt.Fprintf(&series, "%d stale ", i)
	}
	h = read(t, "up 1x1400\nALERTS_FOR_STATE{alertname=\"A\"} "+series.String(), Options{To: time.Unix(1400*60, 0)})
	a := h.Alerts[0]
	if len(a.Incidents) > maxIncidents || len(a.Incidents)+a.Earlier != 600 || minutes(a.Incidents[len(a.Incidents)-1].End) != "1199" {
		t.Errorf("%d incidents, %d earlier, the last %+v", len(a.Incidents), a.Earlier, a.Incidents[len(a.Incidents)-1])
	}
}

type noStorage struct{ err error }

func (n noStorage) Querier(int64, int64) (storage.Querier, error) { return nil, n.err }

func TestReadFails(t *testing.T) {
	want := errors.New("the disk is gone")
	if _, err := Read(t.Context(), Options{Source: noStorage{want}, To: time.Unix(1, 0)}); !errors.Is(err, want) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := Options{Source: promqltest.LoadedStorage(t, "load 1m\n  up 1x9"), To: time.Unix(600, 0), MaxAlerts: 1}
	if _, err := Read(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v after the end", err)
	}
}

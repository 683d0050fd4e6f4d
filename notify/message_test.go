package notify

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

var t0 = time.Date(2026, 11, 5, 12, 0, 0, 123_456_789, time.UTC)

func TestFinalLabels(t *testing.T) {
	external := labels.FromStrings("host", "edge-1", "severity", "none", "region", "eu")
	for _, tc := range []struct {
		name     string
		in, want labels.Labels
	}{
		{"added", labels.FromStrings("alertname", "A"),
			labels.FromStrings("alertname", "A", "host", "edge-1", "region", "eu", "severity", "none")},
		{"present wins", labels.FromStrings("alertname", "A", "severity", "page"),
			labels.FromStrings("alertname", "A", "host", "edge-1", "region", "eu", "severity", "page")},
		{"empty is absent", labels.FromStrings("alertname", "A", "host", "", "team", ""),
			labels.FromStrings("alertname", "A", "host", "edge-1", "region", "eu", "severity", "none")},
		{"utf-8 names stay", labels.FromStrings("größe", "ä", "host", "h", "region", "r", "severity", "s"),
			labels.FromStrings("größe", "ä", "host", "h", "region", "r", "severity", "s")},
		{"broken utf-8", labels.FromStrings("a\xff", "x", "b", "y\xffz", "host", "h", "region", "r", "severity", "s"),
			labels.FromStrings("b", "y\uFFFDz", "host", "h", "region", "r", "severity", "s")},
	} {
		got := newMessage(alert.Notification{Labels: tc.in}, &dress{external: external}, t0).note.Labels
		if diff := cmp.Diff(tc.want.String(), got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestInterval(t *testing.T) {
	const margin = 10 * time.Second
	at := func(d time.Duration) time.Time { return t0.Add(d) }
	never := time.Time{}
	for _, tc := range []struct {
		name               string
		resolved           bool
		startsAt, endsAt   time.Time
		now                time.Duration // since hand-over at t0
		wantStart, wantEnd time.Time
	}{
		{"as given", false, at(-time.Hour), at(4 * time.Minute), 0, at(-time.Hour), at(4 * time.Minute)},
		{"as given a little later", false, at(-time.Hour), at(4 * time.Minute), 3 * time.Minute, at(-time.Hour), at(4 * time.Minute)},
		{"ends during the request", false, at(-time.Hour), at(4 * time.Minute), 4*time.Minute - margin, at(-time.Hour), at(8*time.Minute - margin)},
		{"ended in an outage", false, at(-time.Hour), at(4 * time.Minute), 24 * time.Hour, at(-time.Hour), at(24*time.Hour + 4*time.Minute)},
		{"had ended at hand-over", false, at(-time.Hour), at(-time.Minute), 0, at(-time.Hour), never},
		{"no end", false, at(-time.Hour), never, time.Hour, at(-time.Hour), never},
		{"resolved", true, at(-time.Hour), at(-time.Minute), 0, at(-time.Hour), at(-time.Minute)},
		{"resolved long ago", true, at(-time.Hour), at(-time.Minute), 24 * time.Hour, at(-time.Hour), at(-time.Minute)},
		{"resolved in the future", true, at(-time.Hour), at(time.Hour), time.Minute, at(-time.Hour), at(time.Minute)},
		{"resolved, no end", true, at(-time.Hour), never, time.Minute, at(-time.Hour), at(time.Minute)},
		{"resolved before it started", true, at(time.Hour), at(-time.Minute), 0, at(-time.Minute), at(-time.Minute)},
		{"starts after its end", false, at(time.Hour), at(4 * time.Minute), 0, at(0), at(4 * time.Minute)},
		{"no start", false, never, at(4 * time.Minute), time.Minute, at(0), at(4 * time.Minute)},
	} {
		m := newMessage(alert.Notification{StartsAt: tc.startsAt, EndsAt: tc.endsAt, Resolved: tc.resolved}, &dress{}, t0)
		start, end := m.interval(at(tc.now), margin)
		if !start.Equal(tc.wantStart) || !end.Equal(tc.wantEnd) {
			t.Errorf("%s: got %v to %v, want %v to %v", tc.name, start, end, tc.wantStart, tc.wantEnd)
		}
	}
}

func TestPayloadJSON(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	for _, tc := range []struct {
		name, want string
		in         alert.Notification
	}{
		{
			"full",
			`{"annotations":{"empty":"","summary":"näher \u003c 5"},"endsAt":"2026-11-05T12:04:00.123Z","startsAt":"2026-11-05T11:00:00.123Z","generatorURL":"http://edge:9193/graph?g0.expr=up","labels":{"alertname":"A","host":"edge-1"}}`,
			alert.Notification{
				Labels:       labels.FromStrings("alertname", "A", "none", ""),
				Annotations:  labels.FromStrings("summary", "näher < 5", "empty", ""),
				StartsAt:     t0.Add(-time.Hour).In(berlin),
				EndsAt:       t0.Add(4 * time.Minute).In(berlin),
				GeneratorURL: "http://edge:9193/graph?g0.expr=up",
			},
		},
		{
			"resolved, bad generator URL",
			`{"endsAt":"2026-11-05T11:59:00.123Z","startsAt":"2026-11-05T11:00:00.123Z","labels":{"alertname":"A","host":"edge-1"}}`,
			alert.Notification{
				Labels:       labels.FromStrings("alertname", "A"),
				StartsAt:     t0.Add(-time.Hour),
				EndsAt:       t0.Add(-time.Minute),
				GeneratorURL: "not a uri",
				Resolved:     true,
			},
		},
		{
			"end left to Alertmanager",
			`{"endsAt":"0001-01-01T00:00:00.000Z","startsAt":"2026-11-05T11:00:00.123Z","labels":{"alertname":"A","host":"edge-1"}}`,
			alert.Notification{Labels: labels.FromStrings("alertname", "A"), StartsAt: t0.Add(-time.Hour)},
		},
	} {
		m := newMessage(tc.in, &dress{external: labels.FromStrings("host", "edge-1")}, t0)
		got, err := json.Marshal(parcel{message: m}.payload(t0, time.Second, correction{}))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

// TestPayloadOfAClockAhead: notifications bear a time that is ahead of our wall
// clock; what is sent is the wall clock's, or the Alertmanager's where that differs.
func TestPayloadOfAClockAhead(t *testing.T) {
	const ahead = 5 * time.Minute
	handed := t0.Add(ahead)
	firing := newMessage(alert.Notification{
		Labels: labels.FromStrings("alertname", "A"), StartsAt: handed.Add(-time.Minute), EndsAt: handed.Add(4 * time.Minute),
	}, &dress{}, handed)
	resolved := newMessage(alert.Notification{
		Labels: labels.FromStrings("alertname", "A"), StartsAt: handed.Add(-time.Hour), EndsAt: handed, Resolved: true,
	}, &dress{}, handed)
	late := parcel{message: resolved, until: t0.Add(6 * time.Minute), missed: missed{
		count: 1, first: handed.Add(-time.Hour), last: handed.Add(-time.Hour), endedAt: handed,
	}}
	for _, tc := range []struct {
		name   string
		parcel parcel
		shift  time.Duration
		starts time.Time
		ends   time.Time
	}{
		{"firing", parcel{message: firing}, 0, t0.Add(-time.Minute), t0.Add(4 * time.Minute)},
		{"resolved", parcel{message: resolved}, 0, t0.Add(-time.Hour), t0},
		{"late", late, 0, t0.Add(-time.Hour), t0.Add(6 * time.Minute)},
		{"firing, the other clock is two hours ahead", parcel{message: firing}, 2 * time.Hour, t0.Add(119 * time.Minute), t0.Add(124 * time.Minute)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := tc.parcel.payload(t0, time.Second, correction{shift: tc.shift}.from(ahead))
			if got := time.Time(p.StartsAt); !got.Equal(tc.starts) {
				t.Errorf("starts at %v, want %v", got, tc.starts)
			}
			if got := time.Time(p.EndsAt); !got.Equal(tc.ends) {
				t.Errorf("ends at %v, want %v", got, tc.ends)
			}
		})
	}
}

package main

import (
	"testing"
	"time"
)

func TestParseForms(t *testing.T) {
	got, err := parseForms("100x1,10000x3")
	if err != nil || len(got) != 2 || got[0] != (form{100, 1}) || got[1] != (form{10000, 3}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "100", "x", "0x1", "1x0", "100x1,", "ax1"} {
		if got, err := parseForms(bad); err == nil {
			t.Errorf("%q: %v, want an error", bad, got)
		}
	}
}

// TestRates: of the seconds up to an end, and of ten that follow each other.
func TestRates(t *testing.T) {
	ta := &tally{seconds: make([]second, 30)}
	for i := range ta.seconds {
		ta.seconds[i][refresh] = 1
	}
	ta.seconds[4][news] = 9
	ta.seconds[25][status] = 99
	got := ta.rates(20 * time.Second)
	want := rates{mean: 29. / 20, peak: 10, ten: 1.9, kind: second{news: 9, refresh: 20}}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if long := ta.rates(time.Minute); long.peak != 100 || long.kind.sum() != 138 {
		t.Errorf("beyond what is counted: %+v", long)
	}
}

// TestBook: what was told is compared with what has happened.
func TestBook(t *testing.T) {
	s := plan{standing: 1}.from(time.Unix(0, 0))
	now := time.Unix(1000, 0)
	tell := func(name, n string, from, to time.Duration, late string) posted {
		p := posted{
			Labels: map[string]string{"alertname": name, "name": n}, StartsAt: now.Add(from), EndsAt: now.Add(to),
			Annotations: map[string]string{},
		}
		if late != "" {
			p.Annotations["late_delivery"] = late
		}
		return p
	}
	const m = time.Minute
	all := []posted{tell("Watchdog", "", -m, m, ""), tell("DiskFilling", "n0", -m, m, ""), tell("JobFailed", "n0", -9*m, 6*m, "late")}
	for _, tc := range []struct {
		name string
		told []posted
		want faults
	}{
		{"nothing", nil, faults{lost: 3}},
		{"all", all, faults{late: 1}},
		{"all, again and again", append(all[:3:3], all...), faults{late: 1}},
		{"no end", append(all[:2:2], tell("JobFailed", "n0", -m, m, "")), faults{lost: 1}},
		{"an end", append(all[:2:2], tell("JobFailed", "n0", -m, m, ""), tell("JobFailed", "n0", -m, -1, "")), faults{}},
		{"it fires after its end", append(all[:2:2], tell("JobFailed", "n0", -m, -1, ""), tell("JobFailed", "n0", -m, m, "")), faults{doubled: 1}},
		{"as two", append(all[:3:3], tell("Watchdog", "", -2*m, m, "")), faults{late: 1, doubled: 1}},
	} {
		b := &book{incidents: map[incident]*told{}}
		for _, p := range tc.told {
			b.enter(p, now)
		}
		if got := b.check(s); got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
	}
}

package browser

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// weigh is how many bytes an address answers with, uncompressed.
func weigh(t *testing.T, url string) int {
	t.Helper()
	plain := &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: client.Timeout}
	res, err := plain.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, res.Status, err)
	}
	return len(body)
}

// A first visit gets the page, its style, its scripts and, with the first alert, the
// library of charts. The stream of events has no end and is left out.
func TestFirstVisitIsLight(t *testing.T) {
	s := newStation(t, map[string]string{"a.yml": oneRule})
	for i := range 3 {
		s.alarm(fmt.Sprint(i), 1)
	}
	eventually(t, "the alerts fire", func() error { return s.state("Alarm", "firing") })
	b := newTab(t, s.url)
	b.open("/")
	b.until("all charts are drawn", `document.querySelectorAll("figure[data-chart]").length > 0 && [...document.querySelectorAll("figure[data-chart]")].every((f) => f.querySelector("canvas") || f.closest("details:not([open])"))`)
	b.mu.Lock()
	requests := slices.Clone(b.requests)
	b.mu.Unlock()
	slices.Sort(requests)
	total := 0
	for _, u := range slices.Compact(requests) {
		if strings.HasSuffix(u, "/events") {
			continue
		}
		n := weigh(t, u)
		total += n
		t.Logf("%6d bytes: %s", n, strings.TrimPrefix(u, s.url))
	}
	const most = 100_000
	if total >= most || total == 0 {
		t.Errorf("a first visit takes %d bytes, want less than %d", total, most)
	}
}

// A page that shows as many alerts as it ever does takes the browser about as long
// as that is more than a few. How long that is depends on the machine; both are in
// the log, and only their ratio is judged, with room for what else a machine does.
func TestThousandAlerts(t *testing.T) {
	few := newStation(t, map[string]string{"a.yml": oneRule})
	many := newStation(t, map[string]string{"a.yml": oneRule})
	const some, all = 10, 1000
	for i := range all {
		many.alarm(fmt.Sprint(i), 1)
		if i < some {
			few.alarm(fmt.Sprint(i), 1)
		}
	}
	b := map[*station]*tab{few: newTab(t, few.url), many: newTab(t, many.url)}
	for s, n := range map[*station]int{few: some, many: all} {
		b[s].open("/")
		b[s].until("all of them fire", fmt.Sprintf(headlineText+` === "%d alerts firing"`, n))
	}

	const most = 1_000_000
	names := map[string]bool{}
	for path := "?state=firing"; path != ""; {
		if n := weigh(t, many.url+"/"+path); n >= most {
			t.Errorf("%s has %d bytes, want less than %d", path, n, most)
		}
		b[many].open("/" + path)
		for _, name := range eval[[]string](b[many], `[...document.querySelectorAll("[aria-labelledby=firing] > article .summary")].map((p) => p.textContent)`) {
			names[name] = true
		}
		path = eval[string](b[many], `document.querySelector("a[rel=next]")?.search || ""`)
	}
	if len(names) != all {
		t.Errorf("the pages show %d alerts, want %d", len(names), all)
	}
	size := weigh(t, many.url+"/")
	if size >= most {
		t.Errorf("the page has %d bytes, want less than %d", size, most)
	}

	took := map[*station][]float64{}
	for range 7 { // in turn, so that both meet the same machine
		for s, tab := range b {
			tab.open("/")
			took[s] = append(took[s], eval[float64](tab, `new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))`))
		}
	}
	median := func(s *station) float64 {
		slices.Sort(took[s])
		return took[s][len(took[s])/2]
	}
	ratio := median(many) / median(few)
	t.Logf("from the request to the first frame: %.0f ms with %d alerts, %.0f ms with %d (%d bytes): %.1f times", median(few), some, median(many), all, size, ratio)
	if shown := 100.0; ratio > shown/some {
		t.Errorf("a page with %d alerts takes %.1f times as long as one with %d, want no more than the %.0f times that it shows", all, ratio, some, shown/some)
	}
}

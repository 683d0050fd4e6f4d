package faults

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// series is one of the target's series, and so one alert: its rule fires while it
// is above zero.
type series struct {
	rule rule
	n    int
}

func (s series) key() string { return fmt.Sprintf("%s/%d", s.rule.name, s.n) }

// scrape is what one scrape was told.
type scrape struct {
	at     time.Time // when the request came, which is after its samples' timestamp
	life   int
	failed bool
	// lost: the next scrape came on another connection, as after a time-out, which a
	// busy machine is enough for.
	lost bool
	conn string
	on   []bool // by series
}

// sure tells whether the scrape was one that says something.
func (s scrape) sure() bool { return !s.failed && !s.lost }

// target is scraped by the process under test. Its script moves on with each
// scrape and not with time, so that what was to be seen does not depend on how
// fast the machine is. The value of a series that is on is the scrape's number.
type target struct {
	url    string
	rules  []rule
	series []series

	mu      sync.Mutex
	rand    *rand.Rand // guarded by mu, as is all below
	left    []int      // scrapes until a series turns over
	on      []bool
	force   *bool // all series on or off, for the end
	failing int   // scrapes that fail from here on
	life    int   // of the process that scrapes
	log     []scrape
	heard   chan struct{} // one slot: there was a scrape
}

func newTarget(t *testing.T, r *rand.Rand, rules []rule) *target {
	tg := &target{rules: rules, rand: r, heard: make(chan struct{}, 1)}
	for _, rl := range rules {
		for n := range rl.series {
			tg.series = append(tg.series, series{rl, n})
			tg.on = append(tg.on, r.IntN(2) == 0)
			tg.left = append(tg.left, 1+r.IntN(5))
		}
	}
	server := httptest.NewServer(tg)
	t.Cleanup(server.Close)
	tg.url = server.URL + "/metrics"
	return tg
}

func (tg *target) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, failed := tg.next(time.Now(), req.RemoteAddr)
	if failed {
		http.Error(w, "not now", http.StatusServiceUnavailable)
	} else {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = w.Write(body) // whoever asked may be dead by now
	}
	select {
	case tg.heard <- struct{}{}:
	default:
	}
}

// next moves the script on by one scrape.
func (tg *target) next(at time.Time, conn string) (body []byte, failed bool) {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	seq := len(tg.log) + 1
	s := scrape{at: at, life: tg.life, conn: conn, failed: tg.failing > 0, on: make([]bool, len(tg.series))}
	if tg.failing--; tg.failing < -20 && tg.rand.IntN(30) == 0 && tg.force == nil {
		tg.failing = 1 + tg.rand.IntN(4)
	}
	if n := len(tg.log); n > 0 && tg.log[n-1].life == s.life && tg.log[n-1].conn != conn {
		tg.log[n-1].lost = true
	}
	var out bytes.Buffer
	for i, sr := range tg.series {
		if tg.left[i]--; tg.left[i] <= 0 {
			tg.on[i] = !tg.on[i]
			tg.left[i] = sr.rule.turn(tg.rand, tg.on[i])
		}
		s.on[i] = tg.on[i]
		if tg.force != nil {
			s.on[i] = *tg.force
		}
		value := 0
		if s.on[i] {
			value = seq
		}
		fmt.Fprintf(&out, "load{rule=%q,n=\"%d\"} %d\n", sr.rule.name, sr.n, value)
	}
	tg.log = append(tg.log, s)
	return out.Bytes(), s.failed
}

// begin says that a new process scrapes from now on.
func (tg *target) begin(life int) {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	tg.life = life
}

// all forces every series on or off, or gives them back to the script.
func (tg *target) all(on *bool) {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	tg.force, tg.failing = on, 0
}

// scrapes are the scrapes so far; the first has the number 1.
func (tg *target) scrapes() []scrape {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	return tg.log[:len(tg.log):len(tg.log)]
}

package remotewrite

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

const inTwo = "  protobuf_message: io.prometheus.write.v2.Request\n"

// endless is a body that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// A remote that fails in whatever way, for ten minutes, costs no sample; and it is
// asked no more often than its answers allow.
func TestFaultsCostNothing(t *testing.T) {
	type fault = func(*http.Request) (*http.Response, error)
	always := func(code int, headers ...string) fault {
		return func(*http.Request) (*http.Response, error) { return answer(code, "no", headers...), nil }
	}
	for name, tt := range map[string]struct {
		fault   fault
		atMost  int // requests in ten minutes
		said    string
		entries string
	}{
		"refused":       {func(*http.Request) (*http.Response, error) { return nil, errRefused }, 500, "connection refused", ""},
		"hangs":         {hang, 30, "deadline", ""},
		"500":           {always(500), 500, "500", ""},
		"503 for 60s":   {always(503, "Retry-After", "60"), 12, "503", ""},
		"429 for 60s":   {always(429, "Retry-After", "60"), 12, "429", ""},
		"429":           {always(429), 500, "429", ""},
		"for a year":    {always(503, "Retry-After", "31536000"), 2, "503", ""},
		"garbage retry": {always(503, "Retry-After", "-1e9 soon"), 500, "503", ""},
		"401":           {always(401), 60, "401", ""},
		"404":           {always(404), 60, "404", ""},
		"302":           {always(302, "Location", "http://elsewhere/login"), 60, "302", ""},
		"endless text": {func(*http.Request) (*http.Response, error) {
			r := answer(500, "")
			r.Body = io.NopCloser(endless{})
			return r, nil
		}, 500, "500", ""},
		"415 to 1.0":       {always(415), 60, "415", ""},
		"2.0, down":        {func(*http.Request) (*http.Response, error) { return nil, errRefused }, 500, "refused", inTwo},
		"2.0, 500 + count": {always(500, "X-Prometheus-Remote-Write-Samples-Written", "3"), 500, "500", inTwo},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReceiver()
				r.v2 = true
				s := newSite(t, r)
				s.apply(small + tt.entries)
				s.run()
				s.scrape(20, time.Minute)
				synctest.Wait()
				r.set(tt.fault)
				before := r.asked()
				s.scrape(20, 10*time.Minute)
				if n := r.asked() - before; n == 0 || n > tt.atMost {
					t.Errorf("%d requests in ten minutes, want 1 to %d", n, tt.atMost)
				}
				st := s.writer.Status()[0]
				if !strings.Contains(st.LastError, tt.said) || len(st.LastError) > 1000 || st.Failed == 0 || st.Behind < 5*time.Minute || st.Rejected > 0 {
					t.Errorf("status: %+v", st)
				}
				r.set(nil)
				s.scrape(20, 20*time.Minute)
				time.Sleep(10 * time.Second)
				s.same(r.points())
				if st := s.writer.Status()[0]; st.LastError != "" || st.Behind != 0 || st.Rejected > 0 {
					t.Errorf("afterwards: %+v", st)
				}
			})
		})
	}
}

func hang(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func (r *receiver) set(f func(*http.Request) (*http.Response, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = f
}

func (r *receiver) asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.requests)
}

// Requests that were stored and reported as failed are sent again: the remote has
// each sample once all the same.
func TestDoneButReportedFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		s := newSite(t, r)
		n := 0
		s.to = roundTrip(func(req *http.Request) (*http.Response, error) {
			resp, err := r.RoundTrip(req)
			if n++; n%3 == 0 {
				return nil, errors.New("read: connection reset by peer")
			}
			return resp, err
		})
		s.apply(small)
		s.run()
		s.scrape(20, 10*time.Minute)
		time.Sleep(10 * time.Second)
		s.same(r.points())
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A remote that refuses some series gets all others, and no flood of requests; one
// that refuses everything gets few requests, and what it refuses is counted.
func TestRefusedSeriesAreFound(t *testing.T) {
	for name, tt := range map[string]struct {
		refused []string
		atMost  float64 // requests for each scrape
	}{
		"one": {[]string{"0007"}, 20},
		"two": {[]string{"0003", "0030"}, 30},
		"all": {numbered(40), 70},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReceiver()
				bad := map[string]bool{}
				for _, series := range tt.refused {
					bad[series] = true
				}
				r.refuse = func(ls labels.Labels) bool { return bad[ls.Get("series")] }
				s := newSite(t, r)
				s.apply(small)
				s.run()
				const scrapes = 60
				s.scrape(40, scrapes*10*time.Second)
				time.Sleep(10 * time.Second)
				for name, ps := range s.stored("host", "edge-1") {
					want := len(ps)
					if _, series, _ := strings.Cut(name, `series="`); bad[series[:4]] {
						want = 0
					}
					if got := len(r.points()[name]); got != want {
						t.Errorf("%s: %d samples, want %d", name, got, want)
					}
				}
				if got, want := s.writer.Status()[0].Rejected, uint64(len(bad)*scrapes); got != want {
					t.Errorf("%d rejected, want %d", got, want)
				}
				if n := r.asked(); float64(n) > tt.atMost*scrapes {
					t.Errorf("%d requests for %d scrapes", n, scrapes)
				}
			})
		})
	}
}

// A remote that takes less than is sent gets less.
func TestTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.set(func(req *http.Request) (*http.Response, error) {
			if req.ContentLength > 300 {
				return answer(413, "too large"), nil
			}
			return nil, nil
		})
		s := newSite(t, r)
		s.apply(small)
		s.run()
		s.scrape(40, 10*time.Minute)
		time.Sleep(10 * time.Second)
		s.same(r.points())
	})
}

// What becomes of samples in 2.0, by what the remote is and says.
func TestVersions(t *testing.T) {
	const written = "X-Prometheus-Remote-Write-Samples-Written"
	for name, tt := range map[string]struct {
		two              bool // it speaks 2.0
		fault            func(v2 bool) *http.Response
		speaks           string
		rejected, stored bool
	}{
		"speaks 2.0":                  {true, nil, "2.0", false, true},
		"415":                         {false, nil, "1.0", false, true},
		"400 and knows no 2.0":        {true, onlyTwo(400), "1.0", false, true},
		"says yes and knows no 2.0":   {true, onlyTwo(200), "1.0", false, true},
		"says yes and writes nothing": {true, onlyTwo(200, written, "0"), "2.0", true, false},
		"counts garbage":              {true, onlyTwo(200, written, "many"), "2.0", true, false},
		"counts backwards":            {true, onlyTwo(200, written, "-5"), "2.0", true, false},
		"counts too many":             {true, onlyTwo(200, written, "1000000"), "2.0", false, false},
		"takes none":                  {true, onlyTwo(400, written, "0"), "2.0", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReceiver()
				r.v2 = tt.two
				if tt.fault != nil {
					r.set(func(req *http.Request) (*http.Response, error) {
						return tt.fault(strings.Contains(req.Header.Get("Content-Type"), "v2")), nil
					})
				}
				s := newSite(t, r)
				s.apply(small + inTwo)
				s.run()
				s.scrape(10, 10*time.Minute)
				time.Sleep(10 * time.Second)
				st := s.writer.Status()[0]
				if st.Protocol != tt.speaks || st.Sent+st.Rejected != 600 || st.Rejected > 0 != tt.rejected || tt.rejected != (st.LastError != "") {
					t.Errorf("status: %+v", st)
				}
				if tt.stored {
					s.same(r.points())
				}
				if n := r.asked(); n > 200 {
					t.Errorf("%d requests for 60 scrapes", n)
				}
			})
		})
	}
}

// onlyTwo answers what came in 2.0.
func onlyTwo(code int, headers ...string) func(bool) *http.Response {
	return func(v2 bool) *http.Response {
		if v2 {
			return answer(code, "", headers...)
		}
		return nil
	}
}

// A remote that takes part of a request of 2.0 says how much: the rest is counted,
// and nothing is sent twice.
func TestPartlyWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.v2 = true
		r.refuse = func(ls labels.Labels) bool { return ls.Get("series") == "0003" }
		s := newSite(t, r)
		s.apply(small + inTwo)
		s.run()
		s.scrape(10, 10*time.Minute)
		time.Sleep(10 * time.Second)
		st := s.writer.Status()[0]
		if st.Sent != 540 || st.Rejected != 60 || r.samples != 600 {
			t.Errorf("%d samples came, status: %+v", r.samples, st)
		}
	})
}

// A stop waits for a remote that hangs no longer than it may, and a commit not at all.
func TestNothingWaitsForARemote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.set(hang)
		s := newSite(t, r)
		s.apply(small + "  remote_timeout: 1h\n")
		s.run()
		s.scrape(200, time.Hour)
		time.Sleep(time.Second)
		start := time.Now()
		s.commit(start, numbered(300)...)
		if !time.Now().Equal(start) {
			t.Error("a commit has waited")
		}
		s.stop()
		if took := time.Since(start); took > flushTime+100*time.Millisecond {
			t.Errorf("the stop took %v", took)
		}
		r.set(nil)
		s.run()
		time.Sleep(time.Minute)
		s.same(r.points())
	})
}

// What is in the queue at a stop is sent before it, and not again.
func TestStopSendsWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		var slow atomic.Int64
		r.set(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Duration(slow.Load()))
			return nil, nil
		})
		s := newSite(t, r)
		s.apply("- url: http://remote/write\n  queue_config: {batch_send_deadline: 1h}\n")
		s.run()
		time.Sleep(time.Second)
		slow.Store(int64(flushTime / 2))
		s.commit(time.Now(), numbered(100)...)
		s.stop()
		s.same(r.points())
		s.run()
		s.scrape(100, time.Minute)
		s.stop()
		if r.samples != 700 {
			t.Errorf("%d samples came, want 700", r.samples)
		}
	})
}

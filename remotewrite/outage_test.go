package remotewrite

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/storage"
)

// small makes queues overflow soon.
const small = `- url: http://remote/write?token=secret
  queue_config: {capacity: 100, max_samples_per_send: 50, batch_send_deadline: 1s}
`

var errRefused = errors.New("connect: connection refused")

// outage is a switch of a receiver.
func outage(r *receiver) *atomic.Bool {
	var down atomic.Bool
	r.fault = func(*http.Request) (*http.Response, error) {
		if down.Load() {
			return nil, errRefused
		}
		return nil, nil
	}
	return &down
}

func TestWhatIsCommittedIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		s := newSite(t, r)
		s.apply(small)
		s.run()
		s.scrape(7, 5*time.Minute)
		time.Sleep(10 * time.Second)
		s.same(r.points())
		st := s.writer.Status()[0]
		if st.CatchingUp || st.Behind != 0 || st.Pending != 0 || st.Sent != 7*30 || st.Rejected != 0 || st.LastError != "" || st.URL != "http://remote/write" {
			t.Errorf("status: %+v", st)
		}
	})
}

// An outage that is longer than the queue costs nothing, nor does it take more
// memory than the queue may have.
func TestOutageLongerThanTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		down := outage(r)
		s := newSite(t, r)
		s.apply(small)
		s.run()
		s.scrape(20, time.Minute)
		down.Store(true)
		s.scrape(20, 3*time.Hour)
		st := s.writer.Status()[0]
		if st.Pending > 100 || st.Failed == 0 || st.LastError == "" || st.Behind < 2*time.Hour {
			t.Errorf("in the outage: %+v", st)
		}
		down.Store(false)
		s.scrape(20, time.Minute)
		time.Sleep(10 * time.Second)
		s.same(r.points())
		if st := s.writer.Status()[0]; st.CatchingUp || st.Rejected != 0 || st.Behind != 0 || st.LastError != "" {
			t.Errorf("afterwards: %+v", st)
		}
	})
}

// A process that ends in an outage leaves to the next what it could not send; so
// does one that is killed, whose mark is minutes old.
func TestRestartInAnOutage(t *testing.T) {
	for _, how := range []string{"stopped", "killed"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReceiver()
				down := outage(r)
				s := newSite(t, r)
				s.apply(small)
				s.run()
				s.scrape(20, 13*time.Minute)
				down.Store(true)
				s.scrape(20, 10*time.Minute)
				file := filepath.Join(s.dir, marksFile)
				mark, err := os.ReadFile(file)
				s.must(err)
				s.stop()
				if how == "killed" {
					s.must(os.WriteFile(file, mark, 0o644))
				}
				s.must(s.store.Close(context.Background()))
				time.Sleep(time.Hour)
				s.boot()
				s.apply(small)
				s.run()
				s.scrape(20, 5*time.Minute)
				down.Store(false)
				s.scrape(20, 5*time.Minute)
				time.Sleep(time.Minute)
				s.same(r.points())
				if n := s.writer.Status()[0].Rejected; how == "stopped" && n != 0 || how == "killed" && n > 20*6*3 {
					t.Errorf("%d samples came twice", n)
				}
			})
		})
	}
}

// A pause writes the head into blocks and cuts the log; what was not sent then is
// in a block.
func TestPauseInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		down := outage(r)
		s := newSite(t, r)
		s.apply(small)
		s.run()
		s.scrape(3, 10*time.Minute)
		down.Store(true)
		s.scrape(3, 10*time.Minute)
		s.stop()
		s.must(s.store.Compact(t.Context()))
		time.Sleep(10 * time.Minute)
		s.run()
		s.scrape(3, 10*time.Minute)
		down.Store(false)
		s.scrape(3, time.Minute)
		time.Sleep(10 * time.Second)
		s.same(r.points())
	})
}

// Some commits are late: those of slow targets, and of targets with times of their
// own. They are sent wherever the Writer is with the others.
func TestLateCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		down := outage(r)
		s := newSite(t, r)
		s.apply(small)
		s.run()
		both := func(d time.Duration) {
			for range int(d / (10 * time.Second)) {
				time.Sleep(10 * time.Second)
				s.commit(time.Now(), numbered(20)...)
				s.commit(time.Now().Add(-4*time.Minute), "late")
			}
		}
		both(10 * time.Minute)
		s.same(r.points().settled(s))
		down.Store(true)
		both(30 * time.Minute)
		down.Store(false)
		both(time.Minute)
		time.Sleep(30 * time.Second)
		s.same(r.points())
	})
}

// settled waits until all is sent.
func (p points) settled(s *site) points {
	time.Sleep(5 * time.Second)
	return s.to.(*receiver).points()
}

// Whatever happens, in whatever order, each sample arrives, once, and in order.
func TestRandomLife(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		seed := uint64(round)
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			r := newReceiver()
			r.v2 = seed%2 == 0
			down := outage(r)
			entries := small
			if seed%3 > 0 {
				entries += "  protobuf_message: io.prometheus.write.v2.Request\n"
			}
			s := newSite(t, r)
			s.apply(entries)
			s.run()
			n := 1 + rnd.IntN(60)
			for range 25 {
				switch rnd.IntN(8) {
				case 0:
					down.Store(true)
				case 1:
					down.Store(false)
				case 2:
					s.stop()
					s.must(s.store.Compact(t.Context()))
					time.Sleep(time.Duration(rnd.IntN(3600)) * time.Second)
					s.run()
				case 3:
					s.stop()
					s.must(s.store.Close(t.Context()))
					s.boot()
					s.apply(entries)
					s.run()
				case 4:
					s.apply(entries + "  remote_timeout: " + []string{"5s", "7s"}[rnd.IntN(2)] + "\n")
				case 5:
					s.apply(entries)
				default:
					s.scrape(n, time.Duration(rnd.IntN(900))*time.Second)
				}
			}
			down.Store(false)
			s.scrape(n, time.Minute)
			time.Sleep(time.Minute)
			s.same(r.points())
			if n := s.writer.Status()[0].Rejected; n > 0 {
				t.Errorf("%d samples came twice", n)
			}
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// While storage has left its disk, what is there is waited for, and not passed over;
// but not for ever.
func TestDegradedStorageIsWaitedFor(t *testing.T) {
	for name, tt := range map[string]struct {
		away time.Duration
		want int // samples of each series
	}{
		"returns":    {5 * time.Minute, 60 + 30},
		"stays away": {time.Hour, 6},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReceiver()
				down := outage(r)
				s := newSite(t, r)
				var degraded atomic.Bool
				memory := storage.New(storage.Options{Dir: t.TempDir(), Memory: true, Now: time.Now})
				s.must(memory.Open())
				defer memory.Close(t.Context())
				s.writer = New(Options{Degraded: degraded.Load, Queryable: promstorage.QueryableFunc(func(mint, maxt int64) (promstorage.Querier, error) {
					if degraded.Load() {
						return memory.Querier(mint, maxt)
					}
					return s.store.Querier(mint, maxt)
				})})
				s.apply(small)
				down.Store(true)
				s.run()
				s.scrape(20, 10*time.Minute)
				degraded.Store(true)
				down.Store(false)
				s.scrape(20, min(tt.away, 5*time.Minute))
				time.Sleep(tt.away - 5*time.Minute)
				if tt.away < time.Hour {
					degraded.Store(false)
					time.Sleep(time.Minute)
				} else {
					s.scrape(20, time.Minute)
					time.Sleep(time.Minute)
				}
				for name, ps := range r.points() {
					if len(ps) < tt.want || tt.away == time.Hour && len(ps) > tt.want+10 {
						t.Errorf("%s: %d samples, want %d", name, len(ps), tt.want)
					}
				}
				if len(r.points()) != 20 {
					t.Errorf("%d series", len(r.points()))
				}
			})
		})
	}
}

// A commit that is older than what was sent already, undelivered at a stop or made
// after it, is sent by the next run, and by the next process.
func TestLateCommitAroundAStop(t *testing.T) {
	for _, next := range []string{"run", "process"} {
		t.Run(next, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReceiver()
				down := outage(r)
				s := newSite(t, r)
				s.apply(small)
				s.run()
				s.scrape(5, 10*time.Minute)
				time.Sleep(5 * time.Second)
				down.Store(true)
				s.commit(time.Now().Add(-4*time.Minute), "undelivered")
				time.Sleep(5 * time.Second)
				s.stop()
				down.Store(false)
				if next == "run" {
					s.commit(time.Now().Add(-8*time.Minute), "after")
				} else {
					s.must(s.store.Close(t.Context()))
					s.boot()
					s.apply(small)
				}
				s.run()
				time.Sleep(time.Minute)
				s.same(r.points())
			})
		})
	}
}

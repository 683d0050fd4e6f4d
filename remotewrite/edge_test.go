package remotewrite

import (
	"context"
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

// A remote that takes nothing for longer than marks of remotes that are not
// configured are kept is owed all that storage has, also by the next process.
func TestOutageLongerThanTheLifeOfMarks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		down := outage(r)
		s := newSite(t, r)
		s.apply(small)
		s.run()
		s.scrape(3, time.Minute)
		time.Sleep(10 * time.Second)
		down.Store(true)
		for range int(markLife/(6*time.Hour)) + 4 {
			time.Sleep(6 * time.Hour)
			s.commit(time.Now(), numbered(3)...)
		}
		s.stop()
		s.must(s.store.Close(context.Background()))
		s.boot()
		s.apply(small)
		s.run()
		down.Store(false)
		s.scrape(3, time.Minute)
		time.Sleep(time.Minute)
		s.same(r.points())
	})
}

// Marks that say what they said before are no reason to write.
func TestMarksThatStayAreNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		down := outage(r)
		s := newSite(t, r)
		s.apply(small)
		s.run()
		s.scrape(3, time.Minute)
		time.Sleep(10 * time.Second)
		down.Store(true)
		s.scrape(3, 5*time.Minute)
		file := filepath.Join(s.dir, marksFile)
		s.must(os.Remove(file))
		s.scrape(3, 5*time.Minute)
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Error("written again")
		}
	})
}

// Storage that leaves its disk while a remote catches up has not what it had; the
// catch-up waits.
func TestDegradedWhileCatchingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		var down, degraded atomic.Bool
		r.fault = func(*http.Request) (*http.Response, error) {
			if down.Load() {
				return nil, errRefused
			}
			time.Sleep(time.Second)
			return nil, nil
		}
		s := newSite(t, r)
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
		s.scrape(20, time.Hour)
		down.Store(false)
		time.Sleep(30 * time.Second)
		if st := s.writer.Status()[0]; !st.CatchingUp || st.Sent == 0 {
			t.Errorf("not catching up: %+v", st)
		}
		degraded.Store(true)
		time.Sleep(5 * time.Minute)
		degraded.Store(false)
		time.Sleep(10 * time.Minute)
		s.same(r.points())
		s.stop()
	})
}

// A time of zero is the default: nothing is asked for in an endless hurry.
func TestTimesOfZeroAreNoHurry(t *testing.T) {
	for _, entry := range []string{
		"- url: http://remote/write\n  queue_config: {min_backoff: 0s, max_backoff: 0s, batch_send_deadline: 0s}\n",
		"- url: http://remote/write\n  metadata_config: {send: true, send_interval: 0s, max_samples_per_send: 0}\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newReceiver()
			var asked atomic.Int64
			r.fault = func(*http.Request) (*http.Response, error) {
				if asked.Add(1) > 1000 {
					time.Sleep(time.Hour)
				}
				return nil, errRefused
			}
			s := newSite(t, r)
			s.writer.opts.Metadata = func() []Metadata { return []Metadata{{Family: "m", Type: "gauge"}} }
			s.apply(entry)
			s.run()
			s.scrape(3, 2*time.Minute)
			if n := asked.Load(); n == 0 || n > 1000 {
				t.Errorf("%d requests in two minutes", n)
			}
			s.stop()
		})
	}
}

// A slow remote that has samples already, and refuses them, is not asked for each one.
func TestSlowRemoteThatRefusesWhatItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.fault = func(*http.Request) (*http.Response, error) {
			time.Sleep(2 * time.Second)
			return nil, nil
		}
		s := newSite(t, r)
		s.apply("- url: http://remote/write\n")
		s.run()
		s.scrape(1000, 3*time.Minute)
		s.stop()
		s.must(s.store.Close(t.Context()))
		s.must(os.WriteFile(filepath.Join(s.dir, marksFile), nil, 0o644))
		s.boot()
		s.apply("- url: http://remote/write\n")
		s.writer.current()[0].setMark(time.Now().Add(-3 * time.Minute).UnixMilli()) // it was killed
		s.run()
		s.scrape(1000, 10*time.Minute)
		time.Sleep(time.Minute)
		if st := s.writer.Status()[0]; st.CatchingUp {
			t.Errorf("after ten minutes: %+v", st)
		}
		s.same(r.points())
		s.stop()
	})
}

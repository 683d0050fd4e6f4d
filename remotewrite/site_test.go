package remotewrite

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/tocsin/tocsin/storage"
)

// points are the samples of each series, in the order in which they came.
type points map[string][]point

type point struct {
	T int64
	V string
}

// site is a store and a Writer that hears of what is committed to it. It lives in
// the time of a bubble, or in real time.
type site struct {
	t      *testing.T
	dir    string
	store  *storage.Store
	writer *Writer
	to     http.RoundTripper // nil: the network
	now    func() time.Time
	stop   func()
	n      int
}

func newSite(t *testing.T, to http.RoundTripper) *site {
	s := &site{t: t, dir: t.TempDir(), to: to, now: time.Now}
	s.boot()
	t.Cleanup(func() {
		if s.stop != nil {
			s.stop()
		}
		if err := s.store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// boot is a new process over the directory.
func (s *site) boot() {
	s.t.Helper()
	s.store = storage.New(storage.Options{Dir: s.dir, Now: s.now})
	if err := s.store.Open(); err != nil {
		s.t.Fatal(err)
	}
	s.writer = New(Options{Dir: s.dir, Queryable: s.store, Now: s.now})
}

// apply configures remotes in the text of a configuration file.
func (s *site) apply(entries string) {
	s.t.Helper()
	s.must(s.tryApply(entries, labels.FromStrings("host", "edge-1")))
}

func (s *site) tryApply(entries string, external labels.Labels) error {
	cfg, err := config.Load("remote_write:\n"+entries, nopLogger)
	s.must(err)
	s.writer.connect = func(cfg *config.RemoteWriteConfig) (*client, error) {
		c, err := newClient(cfg)
		if err == nil && s.to != nil {
			c.http.Transport = s.to
		}
		return c, err
	}
	return s.writer.Apply(cfg.RemoteWriteConfigs, external)
}

func (s *site) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	w := s.writer
	go func() { ended <- w.Run(ctx) }()
	s.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
		s.stop = nil
	}
}

// commit stores one sample of each of some series, at a time.
func (s *site) commit(at time.Time, series ...string) {
	s.t.Helper()
	app := s.writer.Appendable(s.store).AppenderV2(context.Background())
	for _, name := range series {
		s.n++
		ls := labels.FromStrings(labels.MetricName, "m", "series", name)
		if _, err := app.Append(0, ls, 0, at.UnixMilli(), float64(s.n), nil, nil, promstorage.AOptions{}); err != nil {
			s.t.Fatal(err)
		}
	}
	s.must(app.Commit())
}

// scrape commits n series every 10 s for a while, in the time of the bubble.
func (s *site) scrape(n int, d time.Duration) {
	s.t.Helper()
	names := numbered(n)
	for range int(d / (10 * time.Second)) {
		time.Sleep(10 * time.Second)
		s.commit(time.Now(), names...)
	}
}

func numbered(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%04d", i))
	}
	return names
}

// stored is all that storage has, under the labels that the remote is to see.
func (s *site) stored(add ...string) points {
	s.t.Helper()
	return s.read(func(ls labels.Labels) labels.Labels {
		b := labels.NewBuilder(ls)
		for i := 0; i < len(add); i += 2 {
			b.Set(add[i], add[i+1])
		}
		return b.Labels()
	})
}

func (s *site) read(rename func(labels.Labels) labels.Labels) points {
	s.t.Helper()
	q, err := s.store.Querier(0, never-1)
	s.must(err)
	defer q.Close()
	all := points{}
	set := q.Select(context.Background(), true, nil, labels.MustNewMatcher(labels.MatchNotEqual, labels.MetricName, ""))
	for set.Next() {
		name := rename(set.At().Labels()).String()
		it := set.At().Iterator(nil)
		for it.Next() != chunkenc.ValNone {
			t, v := it.At()
			all[name] = append(all[name], point{t, fmt.Sprint(v)})
		}
	}
	s.must(set.Err())
	return all
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// same fails if the remote has not each sample that storage has, once and in order.
func (s *site) same(got points) {
	s.t.Helper()
	want := s.stored("host", "edge-1")
	if len(want) == 0 {
		s.t.Fatal("nothing is stored")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		if len(diff) > 3000 {
			diff = diff[:3000]
		}
		s.t.Errorf("storage (-) and remote (+):\n%s", diff)
	}
}

func answer(code int, body string, headers ...string) *http.Response {
	r := &http.Response{
		StatusCode: code, Status: fmt.Sprint(code, " ", http.StatusText(code)),
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)),
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return ctx, cancel
}

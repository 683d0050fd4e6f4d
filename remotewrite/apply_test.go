package remotewrite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// What is not carried is refused with the entry and the field, and what ran runs on.
func TestApplyRefuses(t *testing.T) {
	s := newSite(t, newReceiver())
	s.apply(small)
	before := s.writer.current()
	for field, entry := range map[string]string{
		"send_exemplars":          "  send_exemplars: true\n",
		"convert_nhcb_to_classic": "  convert_nhcb_to_classic: true\n",
		"failed_request_logging":  "  failed_request_logging: true\n",
		"sigv4":                   "  sigv4: {region: eu}\n",
		"/nowhere/ca":             "  tls_config: {ca_file: /nowhere/ca}\n",
	} {
		err := s.tryApply("- url: http://other/write\n- url: http://user:secret@remote/write?token=secret\n"+entry, labels.EmptyLabels())
		if err == nil || !strings.Contains(err.Error(), "remote_write 2") || !strings.Contains(err.Error(), field) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", field, err)
		}
		if after := s.writer.current(); len(after) != 1 || after[0] != before[0] {
			t.Errorf("%s: the remotes have changed", field)
		}
	}
	if err := s.writer.Apply(nil, labels.EmptyLabels()); err != nil || len(s.writer.Status()) != 0 {
		t.Errorf("no remotes: %v, %v", err, s.writer.Status())
	}
}

// A remote that is changed goes on where it was, under its new rules; one that is not
// goes on undisturbed.
func TestApplyWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		down := outage(r)
		s := newSite(t, r)
		s.apply(small)
		s.run()
		s.scrape(5, time.Minute)
		time.Sleep(5 * time.Second)
		down.Store(true)
		s.scrape(60, 5*time.Minute)
		same := s.writer.current()[0]
		s.apply(small)
		if s.writer.current()[0] != same {
			t.Error("the remote was made anew without need")
		}
		s.apply(small + "  write_relabel_configs: [{source_labels: [series], regex: '000[0-4]', action: keep}, {target_label: site, replacement: north}]\n")
		s.scrape(60, time.Minute)
		down.Store(false)
		s.scrape(60, time.Minute)
		time.Sleep(10 * time.Second)
		got := 0
		for name, ps := range r.points() {
			if strings.Contains(name, `site="north"`) {
				got += len(ps)
			} else if len(ps) != 6 {
				t.Errorf("%s: %d samples before the change, want 6", name, len(ps))
			}
		}
		if want := 5 * 7 * 6; got != want {
			t.Errorf("%d samples under the new rules, want %d", got, want)
		}
	})
}

// External labels give way to those that a series has.
func TestExternalLabels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		s := newSite(t, r)
		s.must(s.tryApply(small, labels.FromStrings("series", "external", "host", "h")))
		s.run()
		s.scrape(1, 10*time.Second)
		time.Sleep(10 * time.Second)
		if got := r.points()[`{__name__="m", host="h", series="0000"}`]; len(got) != 1 {
			t.Errorf("remote has %v", r.points())
		}
	})
}

// Samples that are older than sample_age_limit are not sent, and not waited for.
func TestSampleAgeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		down := outage(r)
		s := newSite(t, r)
		s.apply(strings.Replace(small, "capacity", "sample_age_limit: 10m, capacity", 1))
		s.run()
		s.scrape(20, time.Minute)
		time.Sleep(5 * time.Second)
		down.Store(true)
		s.scrape(20, time.Hour)
		back := time.Now()
		down.Store(false)
		s.scrape(20, time.Minute)
		time.Sleep(10 * time.Second)
		for name, ps := range r.points() {
			if len(ps) < 6+60+6 || len(ps) > 6+60+6+2 {
				t.Errorf("%s: %d samples, want those of 10 minutes before %v", name, len(ps), back)
			}
		}
		if st := s.writer.Status()[0]; st.Expired == 0 || st.Rejected > 0 || st.Behind != 0 {
			t.Errorf("status: %+v", st)
		}
	})
}

// Marks that cannot be read or written cost nothing but what they are for.
func TestMarksThatFail(t *testing.T) {
	for name, text := range map[string]string{
		"garbage": "\x00\xff{", "empty": "", "null": "null", "list": "[]", "no time": `{"x": {}}`, "absurd": `{"x": {"acknowledged_until": "9999-12-31T00:00:00Z"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReceiver()
				s := newSite(t, r)
				key := hash("http://remote/write?token=secret")
				s.must(os.WriteFile(filepath.Join(s.dir, marksFile), []byte(strings.ReplaceAll(text, "x", key)), 0o644))
				s.apply(small)
				s.run()
				s.scrape(20, 5*time.Minute)
				time.Sleep(10 * time.Second)
				s.same(r.points())
				s.stop()
				m, err := loadMarks(s.dir)
				s.must(err)
				if got := m.all[key]; !got.Final || time.Since(got.Time) > time.Minute {
					t.Errorf("mark: %+v", got)
				}
			})
		})
	}
	t.Run("directory in the way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newReceiver()
			s := newSite(t, r)
			s.must(os.MkdirAll(filepath.Join(s.dir, marksFile, "x"), 0o755))
			s.apply(small)
			ctx, cancel := contextOf(t)
			ended := make(chan error, 1)
			go func() { ended <- s.writer.Run(ctx) }()
			s.scrape(20, 5*time.Minute)
			time.Sleep(10 * time.Second)
			s.same(r.points())
			cancel()
			if err := <-ended; err == nil {
				t.Error("nothing is said of the marks")
			}
		})
	})
}

// Marks are written seldom, for the sake of flash.
func TestMarksAreSeldomWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, newReceiver())
		s.apply(small)
		s.run()
		last, writes := "", 0
		for range 60 {
			s.scrape(2, time.Minute)
			text, err := os.ReadFile(filepath.Join(s.dir, marksFile))
			s.must(err)
			if string(text) != last {
				last, writes = string(text), writes+1
			}
		}
		if writes < 20 || writes > 31 {
			t.Errorf("%d writes in an hour", writes)
		}
	})
}

func TestMetadata(t *testing.T) {
	for name, entries := range map[string]string{"1.0": small, "2.0": small + inTwo} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReceiver()
				r.v2 = true
				s := newSite(t, r)
				s.writer = New(Options{Queryable: s.store, Metadata: func() []Metadata {
					return []Metadata{{Family: "m", Help: "what it is", Type: model.MetricTypeCounter}}
				}})
				s.apply(entries)
				s.run()
				s.scrape(2, 5*time.Minute)
				time.Sleep(10 * time.Second)
				s.same(r.points())
				if n := r.metadata["m"]; n < 3 {
					t.Errorf("told %d times", n)
				}
			})
		})
	}
}

func TestMetrics(t *testing.T) {
	s := newSite(t, newReceiver())
	reg := prometheus.NewPedanticRegistry()
	s.writer = New(Options{Queryable: s.store, Registerer: reg})
	s.apply("- {url: 'http://remote/write', name: a}\n- {url: 'http://remote/write?x=secret', name: b}\n- {url: 'http://other/write', name: a2}\n")
	n, err := testutil.GatherAndCount(reg)
	if err != nil || n != 3*7 {
		t.Errorf("%d series, %v", n, err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

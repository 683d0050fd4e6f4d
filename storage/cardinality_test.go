package storage

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

func TestCardinality(t *testing.T) {
	s := New(Options{Dir: t.TempDir()})
	if _, err := s.Cardinality(10); !errors.Is(err, ErrNotReady) {
		t.Errorf("closed store: %v", err)
	}
	s = open(t, t.TempDir())
	app := s.AppenderV2(t.Context())
	for _, a := range []string{"a value with some length", "another one", "and one more of this kind"} {
		ls := labels.FromStrings("__name__", "m", "a", a)
		if _, err := app.Append(0, ls, 0, t0.UnixMilli(), 1, nil, nil, storage.AOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	got, err := s.Cardinality(1)
	if err != nil {
		t.Fatal(err)
	}
	want := Cardinality{
		Series: 3, LabelPairs: 4, Chunks: 3, MinTime: t0.UnixMilli(), MaxTime: t0.UnixMilli(),
		SeriesByMetric: []Count{{"m", 3}}, ValuesByLabel: []Count{{"a", 3}},
		BytesByLabel: []Count{{"a", 69}}, SeriesByPair: []Count{{"__name__=m", 3}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whoever finds the store closed finds the same extensions as when it is open.
func TestClosedAppenderTakesNoExemplars(t *testing.T) {
	s := New(Options{Dir: t.TempDir()})
	app, ok := s.AppenderV2(t.Context()).(storage.ExemplarAppenderV2)
	if !ok {
		t.Fatal("no exemplar appender")
	}
	if _, err := app.AppendExemplars(0, labels.FromStrings("__name__", "m"), nil); !errors.Is(err, ErrNotReady) {
		t.Errorf("exemplars: %v", err)
	}
	if _, err := app.Append(0, labels.FromStrings("__name__", "m"), 0, time.Now().UnixMilli(), 1, nil, nil, storage.AOptions{}); !errors.Is(err, ErrNotReady) {
		t.Errorf("sample: %v", err)
	}
}

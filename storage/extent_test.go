package storage

import (
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

func TestExtent(t *testing.T) {
	s := New(Options{Dir: t.TempDir()})
	if generation, _, blocks := s.Extent(0, 1); generation != 0 || blocks {
		t.Errorf("a store that is not open has generation %d, blocks %v", generation, blocks)
	}
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	first := time.Now().Add(-time.Hour).UnixMilli()
	last := first + 60_000
	app := s.AppenderV2(t.Context())
	ls := labels.FromStrings(labels.MetricName, "m")
	for _, at := range []int64{first, last} {
		if _, err := app.Append(0, ls, 0, at, 1, nil, nil, storage.AOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	before, oldest, blocks := s.Extent(first, last)
	if before == 0 || oldest != first || blocks {
		t.Errorf("before compaction: generation %d, oldest %d, want %d, blocks %v", before, oldest, first, blocks)
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, oldest, blocks := s.Extent(last, last+1)
	if after == before || oldest != first || !blocks {
		t.Errorf("after compaction: generation %d, before %d, oldest %d, want %d, blocks %v", after, before, oldest, first, blocks)
	}
	if _, _, blocks := s.Extent(last+1, last+2); blocks {
		t.Error("a block has samples after the last")
	}
	app = s.AppenderV2(t.Context())
	defer app.Rollback()
	ref, err := app.Append(0, ls, 0, last+1000, 1, nil, nil, storage.AOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := app.(storage.GetRef).GetRef(ls, ls.Hash()); got != ref {
		t.Errorf("reference %d, want %d", got, ref)
	}
}

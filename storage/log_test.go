package storage

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/compression"
)

// TestLogIsSmall counts the bytes of the log for each sample of counters such as a
// scrape brings; uncompressed it takes eleven.
func TestLogIsSmall(t *testing.T) {
	const series, scrapes = 500, 40
	s := New(Options{Dir: t.TempDir()})
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	at := time.Now().Add(-time.Hour)
	commit := func(n int) {
		app := s.AppenderV2(t.Context())
		for i := range series {
			ls := labels.FromStrings("__name__", "requests_total", "n", fmt.Sprint(i))
			v := math.Floor(float64(n+200) * 15 * math.Exp(float64(i%7)) * (1 + float64(i)/series))
			if _, err := app.Append(0, ls, 0, at.Add(time.Duration(n)*15*time.Second).UnixMilli(), v, nil, nil, storage.AOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := app.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	commit(0) // with the series
	before := logBytes(t, s)
	for n := range scrapes {
		commit(n + 1)
	}
	perSample := float64(logBytes(t, s)-before) / series / scrapes
	most := map[compression.Type]float64{compression.Zstd: 6, compression.Snappy: 9}[logCompression(runtime.NumCPU())]
	if perSample > most {
		t.Errorf("%.1f bytes a sample, want %.1f at most", perSample, most)
	}
	if few, many := logCompression(4), logCompression(64); few != compression.Zstd || many != compression.Snappy {
		t.Errorf("%s on few CPUs, %s on many", few, many)
	}
}

func logBytes(t *testing.T, s *Store) (sum int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.tsdbDir(), "wal", "0*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no log: %v", err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		sum += info.Size()
	}
	return sum
}

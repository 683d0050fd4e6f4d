package faults

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/journal"
	"github.com/tocsin/tocsin/storage"
)

// A workload runs in a process of its own: a page fault in the process that serves
// the file system could wait for itself.
const (
	workEnv = "TOCSIN_FAULTS_WORK" // which one
	rootEnv = "TOCSIN_FAULTS_ROOT" // where
	seedEnv = "TOCSIN_FAULTS_SEED"
)

var workloads = map[string]func(root string, seed uint64, mark func(int) error) error{
	"journal": workJournal,
	"store":   workStore,
}

// work runs the workload that the environment asks for; otherwise it does nothing.
func work() {
	name := os.Getenv(workEnv)
	if name == "" {
		return
	}
	err := func() error {
		root := os.Getenv(rootEnv)
		seed, err := strconv.ParseUint(os.Getenv(seedEnv), 10, 64)
		if err != nil {
			return err
		}
		mark, err := marker(root)
		if err != nil {
			return err
		}
		return workloads[name](root, seed, mark)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "workload "+name+":", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// runWork runs a workload on a disk and returns all that it asked of it.
func runWork(t *testing.T, name string, d *disk) []op {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), workEnv+"="+name, rootEnv+"="+mount(t, d), seedEnv+"="+fmt.Sprint(*seed))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return d.ops()
}

const (
	dataDir     = "data"
	journalFile = "journal.db"
	// saves is how many the workload of the journal makes, restart after how many
	// it closes the journal and opens it again.
	saves, restart = 90, 25
)

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// changes are the states of alerts that the workload saves one after the other.
func changes(r *rand.Rand, n int) alert.Changes {
	c := alert.Changes{At: epoch.Add(time.Duration(n) * time.Second), Replace: n%40 == 39}
	count := 1 + r.IntN(4)
	if n%20 == 10 {
		count = 150 // the file must grow
	}
	for range count {
		rec := alert.Record{
			Rule: alert.RuleID{File: "/r/a.yml", Group: "g", Name: "A"},
			Alert: alert.Alert{
				State: alert.State(r.IntN(3)), Labels: labels.FromStrings("alertname", "A", "n", fmt.Sprint(r.IntN(300))),
				Value: float64(n), ActiveAt: c.At,
			},
		}
		if r.IntN(4) == 0 {
			c.Deletes = append(c.Deletes, alert.Key{Rule: rec.Rule, Fingerprint: rec.Alert.Fingerprint()})
		} else {
			c.Upserts = append(c.Upserts, rec)
		}
	}
	return c
}

// workJournal does to the journal what run does, and marks each Save that
// returned.
func workJournal(root string, seed uint64, mark func(int) error) error {
	dir := filepath.Join(root, dataDir)
	if err := storage.New(storage.Options{Dir: dir}).Lock(); err != nil {
		return err
	}
	j := journal.New(journal.Options{Path: filepath.Join(dir, journalFile)})
	if err := j.Open(); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(seed, 1))
	for n := 1; n <= saves; n++ {
		if n%restart == 0 {
			if err := j.Close(); err != nil {
				return err
			}
			if err := j.Open(); err != nil {
				return err
			}
		}
		if err := j.Save(changes(r, n)); err != nil {
			return err
		}
		if err := mark(n); err != nil {
			return err
		}
	}
	return j.Close()
}

const (
	commits = 240
	perTx   = 15 // series
	// compacted is added to the mark of a commit after which all was compacted.
	compacted = 1000
)

func commitTime(n int) time.Time { return epoch.Add(time.Duration(n) * time.Minute) }

func sampleValue(series, n int) float64 { return float64(n) + float64(series)/100 }

// workStore does to the store what run does, and marks each commit and each
// compaction.
func workStore(root string, _ uint64, mark func(int) error) error {
	s := storage.New(storage.Options{Dir: filepath.Join(root, dataDir)})
	if err := s.Open(); err != nil {
		return err
	}
	for n := 1; n <= commits; n++ {
		app := s.AppenderV2(context.Background())
		for i := range perTx {
			ls := labels.FromStrings("__name__", "m", "n", fmt.Sprint(i))
			if _, err := app.Append(0, ls, 0, commitTime(n).UnixMilli(), sampleValue(i, n), nil, nil, promstorage.AOptions{}); err != nil {
				return err
			}
		}
		if err := app.Commit(); err != nil {
			return err
		}
		if err := mark(n); err != nil {
			return err
		}
		if n%90 == 0 {
			if err := s.Compact(context.Background()); err != nil {
				return err
			}
			if err := mark(compacted + n); err != nil {
				return err
			}
		}
	}
	if err := s.Close(context.Background()); err != nil {
		return err
	}
	return mark(compacted + commits)
}

// readStore gives the samples of a store: by series and commit.
func readStore(s *storage.Store) (map[[2]int]float64, error) {
	q, err := s.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	got := map[[2]int]float64{}
	set := q.Select(context.Background(), false, nil, labels.MustNewMatcher(labels.MatchEqual, "__name__", "m"))
	for set.Next() {
		i, err := strconv.Atoi(set.At().Labels().Get("n"))
		if err != nil {
			return nil, err
		}
		for it := set.At().Iterator(nil); it.Next() != 0; {
			at, v := it.At()
			got[[2]int{i, int((at - epoch.UnixMilli()) / time.Minute.Milliseconds())}] = v
		}
	}
	return got, set.Err()
}

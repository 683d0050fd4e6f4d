// Package disk runs a whole tocsin on a file system that fails under it: the
// alerts must not notice.
package disk

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tocsin/tocsin/test/smalldisk"
)

var long = flag.Bool("long", false, "the disk tests in full")

// built is where TestMain lets the program be built.
var built string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "tocsin-disk-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	built = dir
	m.Run()
}

// program is built once for all tests.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(built, "tocsin")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/tocsin/tocsin/cmd/tocsin").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build tocsin: %w\n%s", err, out)
	}
	return path, nil
})

const rules = `groups:
- name: disk
  rules:
  - alert: Broken
    expr: broken == 1
  - alert: Busy
    expr: rate(work_total[10s]) > 0.5
    for: 2s
  - alert: Never
    expr: broken == 2
`

// degradedAlert is Tocsin's own.
const degradedAlert = "TocsinStorageDegraded"

// receiver is an Alertmanager that remembers what was resolved.
type receiver struct {
	mu       sync.Mutex
	fired    map[string]time.Time // guarded by mu: when each alert last came firing
	resolved []string             // guarded by mu
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var alerts []struct {
		Labels map[string]string
		EndsAt time.Time
	}
	if req.Method == http.MethodPost && json.NewDecoder(req.Body).Decode(&alerts) != nil {
		http.Error(w, "no alerts", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range alerts {
		if a.EndsAt.Before(time.Now()) {
			r.resolved = append(r.resolved, a.Labels["alertname"])
		} else {
			r.fired[a.Labels["alertname"]] = time.Now()
		}
	}
	_, _ = io.WriteString(w, "{}")
}

// bench is a tocsin with all that it needs.
type bench struct {
	t        *testing.T
	disk     *smalldisk.Disk
	receiver *receiver
	args     []string
	page     string
	cmd      *exec.Cmd
	done     chan struct{}
	log      string
}

func newBench(t *testing.T) *bench {
	d := smalldisk.New(t, 16)
	b := &bench{t: t, disk: d, receiver: &receiver{fired: map[string]time.Time{}}, log: filepath.Join(t.TempDir(), "log")}
	begun := time.Now()
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "broken 1\nwork_total %d\n", time.Since(begun)/time.Second)
		for i := range 300 {
			fmt.Fprintf(w, "filler{i=\"%d\"} %d\n", i, time.Now().UnixNano())
		}
	}))
	am := httptest.NewServer(b.receiver)
	t.Cleanup(func() { target.Close(); am.Close() })
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.page = l.Addr().String()
	l.Close()
	b.args = []string{
		"run", "--storage.path=" + filepath.Join(d.Dir, "data"), "--web.listen-address=" + b.page, "--rules.path=" + file,
		"--scrape.interval=1s", "--evaluation.interval=1s", "--alert.resend-delay=1s",
		"--scrape.url=" + target.URL, "--alertmanager.url=" + am.URL,
	}
	return b
}

func (b *bench) start() {
	b.t.Helper()
	path, err := program()
	if err != nil {
		b.t.Fatal(err)
	}
	out, err := os.OpenFile(b.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		b.t.Fatal(err)
	}
	defer out.Close()
	b.cmd = exec.Command(path, b.args...)
	b.cmd.Stdout, b.cmd.Stderr = out, out
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	cmd, done := b.cmd, make(chan struct{})
	b.done = done
	go func() { _ = cmd.Wait(); close(done) }()
	b.t.Cleanup(func() {
		b.stop(syscall.SIGTERM)
		if b.t.Failed() {
			text, _ := os.ReadFile(b.log)
			b.t.Logf("output:\n%s", text[max(0, len(text)-8<<10):])
		}
	})
}

func (b *bench) stop(sig syscall.Signal) {
	b.t.Helper()
	_ = b.cmd.Process.Signal(sig) // it may have ended
	select {
	case <-b.done:
	case <-time.After(20 * time.Second):
		_ = b.cmd.Process.Kill()
		b.t.Error("tocsin does not stop")
	}
}

// metric reads one of tocsin's own.
func (b *bench) metric(name string) (string, error) {
	res, err := http.Get("http://" + b.page + "/metrics")
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	for line := range strings.Lines(string(body)) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(v), err
		}
	}
	return "", errors.Join(err, fmt.Errorf("no metric %s", name))
}

// check is what holds at all times once the alerts fire: the process runs, nothing
// is resolved, and both alerts are refreshed. Refreshing needs an evaluation, and
// is due with each; grace is what the machine may be late.
func (b *bench) check() {
	b.t.Helper()
	select {
	case <-b.done:
		b.t.Fatal("tocsin has ended")
	default:
	}
	const grace = 4 * time.Second
	b.receiver.mu.Lock()
	defer b.receiver.mu.Unlock()
	for _, name := range b.receiver.resolved {
		if name != degradedAlert { // which is to come and go
			b.t.Fatalf("resolved: %v", b.receiver.resolved)
		}
	}
	if _, ok := b.receiver.fired["Never"]; ok {
		b.t.Fatal("an alert fires that has no cause")
	}
	for _, name := range []string{"Broken", "Busy"} {
		if age := time.Since(b.receiver.fired[name]); age > grace {
			b.t.Fatalf("%s was last refreshed %s ago: evaluations were missed", name, age.Round(time.Millisecond))
		}
	}
}

// until waits for a condition, and checks all the while if the alerts fire.
func (b *bench) until(within time.Duration, what string, checked bool, met func() bool) {
	b.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(within)
	for !met() {
		if checked {
			b.check()
		}
		select {
		case <-tick.C:
		case <-deadline:
			b.t.Fatalf("not within %s: %s", within, what)
		}
	}
}

func (b *bench) firing() bool {
	b.receiver.mu.Lock()
	defer b.receiver.mu.Unlock()
	return !b.receiver.fired["Broken"].IsZero() && !b.receiver.fired["Busy"].IsZero()
}

// startFiring starts tocsin and waits until both alerts fire, which they have not
// forgotten if they did so before.
func (b *bench) startFiring() {
	b.t.Helper()
	b.receiver.mu.Lock()
	clear(b.receiver.fired)
	b.receiver.mu.Unlock()
	b.start()
	b.until(30*time.Second, "the alerts fire", false, b.firing)
}

func (b *bench) degraded(want string) {
	b.t.Helper()
	b.until(90*time.Second, "tocsin_storage_degraded is "+want, true, func() bool {
		got, err := b.metric("tocsin_storage_degraded")
		return err == nil && got == want
	})
	if want == "1" {
		b.until(10*time.Second, "the alert for it comes", true, func() bool {
			b.receiver.mu.Lock()
			defer b.receiver.mu.Unlock()
			return !b.receiver.fired[degradedAlert].IsZero()
		})
	}
}

func (b *bench) watch(d time.Duration) {
	b.t.Helper()
	end := time.Now().Add(d)
	b.until(d+time.Minute, "the time is over", true, func() bool { return time.Now().After(end) })
}

func TestDiskFailsWhileRunning(t *testing.T) {
	for _, tc := range []struct {
		name       string
		breakDisk  func(d *smalldisk.Disk)
		repairDisk func(d *smalldisk.Disk)
		short      bool
	}{
		{"full", (*smalldisk.Disk).Fill, (*smalldisk.Disk).Free, true},
		{"read-only", (*smalldisk.Disk).Abort, (*smalldisk.Disk).Exchange, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !tc.short && !*long {
				t.Skip("only with -long")
			}
			t.Parallel()
			b := newBench(t)
			b.startFiring()
			b.watch(5 * time.Second)
			tc.breakDisk(b.disk)
			b.degraded("1")
			b.watch(10 * time.Second)
			tc.repairDisk(b.disk)
			b.degraded("0")
			b.until(60*time.Second, "the journal works", true, func() bool {
				got, err := b.metric("tocsin_journal_failing")
				return err == nil && got == "0"
			})
			b.stop(syscall.SIGTERM)
			b.startFiring()
			b.watch(3 * time.Second)
		})
	}
}

func TestDiskFailsAtStart(t *testing.T) {
	for _, tc := range []struct {
		name       string
		breakDisk  func(b *bench)
		repairDisk func(d *smalldisk.Disk)
		short      bool
	}{
		{"full", func(b *bench) { b.disk.Fill() }, (*smalldisk.Disk).Free, true},
		{"read-only", func(b *bench) { b.disk.ReadOnly() }, (*smalldisk.Disk).Writable, false},
		{"files cut", cutFiles, nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !tc.short && !*long {
				t.Skip("only with -long")
			}
			t.Parallel()
			b := newBench(t)
			b.startFiring()
			b.watch(5 * time.Second)
			b.stop(syscall.SIGKILL)
			tc.breakDisk(b)
			b.startFiring()
			b.watch(5 * time.Second)
			if tc.repairDisk != nil {
				b.degraded("1")
				tc.repairDisk(b.disk)
			}
			b.degraded("0")
			b.watch(3 * time.Second)
		})
	}
}

// cutFiles cuts every file of the data directory to half, but the journal's.
func cutFiles(b *bench) {
	n := 0
	err := filepath.WalkDir(filepath.Join(b.disk.Dir, "data", "tsdb"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		n++
		return errors.Join(err, os.Truncate(path, info.Size()/2))
	})
	if err != nil || n == 0 {
		b.t.Fatalf("%d files were cut: %v", n, err)
	}
}

package remotewrite

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	promremote "github.com/prometheus/prometheus/storage/remote"

	"github.com/tocsin/tocsin/storage"
)

// end is a real remote, which a test stops and starts again over its data.
type end struct {
	url   string
	start func()
	stop  func()
	has   func() points
}

// server is a command that listens on an address until it is stopped.
func server(t *testing.T, address, ready string, command ...string) (start, stop func()) {
	t.Helper()
	if _, err := exec.LookPath(command[0]); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing: test/install-deps installs it", command[0])
		}
		t.Skipf("%s is missing: test/install-deps installs it", command[0])
	}
	var cmd *exec.Cmd
	var said bytes.Buffer
	start = func() {
		t.Helper()
		cmd = exec.Command(command[0], command[1:]...)
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		await(t, command[0]+" is ready", func() bool {
			resp, err := http.Get("http://" + address + ready)
			if err != nil {
				return false
			}
			resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		})
	}
	stop = func() {
		if cmd != nil {
			_ = cmd.Process.Signal(os.Interrupt)
			_ = cmd.Wait()
			cmd = nil
		}
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("%s:\n%s", command[0], said.Bytes())
		}
	})
	return start, stop
}

// await asks until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	limit := time.After(time.Minute)
	for tick := time.Tick(50 * time.Millisecond); !so(); {
		select {
		case <-tick:
		case <-limit:
			t.Fatalf("%s: not in a minute", what)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func get(t *testing.T, address string) []byte {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		t.Fatalf("%s: %s %v %s", address, resp.Status, err, text)
	}
	return text
}

// name is a series as site.stored calls it.
func name(t *testing.T, ls map[string]string) string {
	t.Helper()
	return labels.FromMap(ls).String()
}

func prometheusEnd(t *testing.T) *end {
	address, dir := freeAddress(t), t.TempDir()
	if err := os.WriteFile(dir+"/prometheus.yml", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	e := &end{url: "http://" + address + "/api/v1/write"}
	e.start, e.stop = server(t, address, "/-/ready", "prometheus", "--config.file="+dir+"/prometheus.yml",
		"--storage.tsdb.path="+dir+"/data", "--web.listen-address="+address, "--web.enable-remote-write-receiver")
	e.has = func() points {
		var reply struct {
			Data struct {
				Result []struct {
					Metric map[string]string
					Values [][2]any
				}
			}
		}
		query := url.QueryEscape(`{host="edge-1"}[3h]`)
		if err := json.Unmarshal(get(t, "http://"+address+"/api/v1/query?query="+query), &reply); err != nil {
			t.Fatal(err)
		}
		all := points{}
		for _, series := range reply.Data.Result {
			for _, v := range series.Values {
				n := name(t, series.Metric)
				all[n] = append(all[n], point{int64(v[0].(float64)*1000 + 0.5), v[1].(string)})
			}
		}
		return all
	}
	return e
}

func victoriaEnd(t *testing.T) *end {
	address := freeAddress(t)
	e := &end{url: "http://" + address + "/api/v1/write"}
	e.start, e.stop = server(t, address, "/health", "victoria-metrics", "-httpListenAddr="+address, "-storageDataPath="+t.TempDir())
	e.has = func() points {
		get(t, "http://"+address+"/internal/force_flush")
		all := points{}
		for line := range strings.Lines(string(get(t, "http://"+address+"/api/v1/export?match[]="+url.QueryEscape(`{host="edge-1"}`)))) {
			var series struct {
				Metric     map[string]string
				Values     []float64
				Timestamps []int64
			}
			if err := json.Unmarshal([]byte(line), &series); err != nil {
				t.Fatal(err)
			}
			n := name(t, series.Metric)
			for i, at := range series.Timestamps { // one line for each of its blocks
				all[n] = append(all[n], point{at, strconv.FormatFloat(series.Values[i], 'g', -1, 64)})
			}
		}
		return all
	}
	return e
}

// libraryEnd is Prometheus's own receiver for 2.0, over a store of ours.
func libraryEnd(t *testing.T) *end {
	there := &site{t: t, dir: t.TempDir(), store: storage.New(storage.Options{Dir: t.TempDir()})}
	if err := there.store.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = there.store.Close(context.Background()) })
	h := promremote.NewWriteHandler(nopLogger, prometheus.NewRegistry(), there.store, remoteapi.MessageTypes{remoteapi.WriteV2MessageType}, false, false)
	address := freeAddress(t)
	var srv *httptest.Server
	return &end{
		url: "http://" + address + "/api/v1/write",
		start: func() {
			l, err := net.Listen("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			srv = httptest.NewUnstartedServer(h)
			srv.Listener.Close()
			srv.Listener = l
			srv.Start()
		},
		stop: func() { srv.Close() },
		has:  func() points { return there.stored() },
	}
}

// Into real remotes: an outage that is longer than the queue, within it a stop of
// our process, a pause that cuts the log, and a kill; afterwards the remote has each
// sample that storage has.
func TestRealRemotes(t *testing.T) {
	for name, tt := range map[string]struct {
		make     func(*testing.T) *end
		entries  string
		protocol string // empty: that which this version of it speaks
	}{
		"Prometheus":           {prometheusEnd, "", "1.0"},
		"VictoriaMetrics":      {victoriaEnd, "", "1.0"},
		"Prometheus asked 2.0": {prometheusEnd, inTwo, ""},
		"library":              {libraryEnd, inTwo, "2.0"},
	} {
		t.Run(name, func(t *testing.T) {
			e := tt.make(t)
			var now atomic.Int64
			now.Store(time.Now().Add(-time.Hour).Unix())
			s := &site{t: t, dir: t.TempDir(), now: func() time.Time { return time.Unix(now.Load(), 0) }}
			entries := fmt.Sprintf("- url: %s\n  queue_config: {capacity: 500, max_samples_per_send: 200, batch_send_deadline: 50ms, max_backoff: 100ms}\n", e.url) + tt.entries
			boot := func() {
				s.boot()
				s.apply(entries)
				s.run()
			}
			scrapes := func(n int) {
				for range n {
					now.Add(10)
					s.commit(s.now(), numbered(50)...)
				}
			}
			e.start()
			boot()
			t.Cleanup(func() {
				if s.stop != nil {
					s.stop()
				}
				_ = s.store.Close(context.Background())
			})
			scrapes(20)
			await(t, "first samples", func() bool { return len(e.has()) == 50 })
			e.stop()
			scrapes(60)
			s.stop()
			s.must(s.store.Close(t.Context()))
			boot()
			scrapes(20)
			s.stop()
			s.must(s.store.Compact(t.Context()))
			s.run()
			scrapes(20)
			e.start()
			scrapes(20)
			await(t, "all is sent", func() bool {
				st := s.writer.Status()[0]
				return !st.CatchingUp && st.Pending == 0 && st.Behind == 0
			})
			st := s.writer.Status()[0]
			if tt.protocol != "" && st.Protocol != tt.protocol || st.Rejected > 0 || st.LastError != "" {
				t.Errorf("status: %+v", st)
			}
			s.same(e.has())
		})
	}
}

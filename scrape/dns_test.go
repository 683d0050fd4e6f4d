package scrape

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// inNamespace is set in the process that has a network and a resolv.conf of its own.
const inNamespace = "TOCSIN_TEST_NAMESPACE"

// TestJobsFollowDNS needs a name server at the port of name servers, and a machine that
// asks it: it runs itself again where both can be had.
func TestJobsFollowDNS(t *testing.T) {
	if os.Getenv(inNamespace) != "" {
		alone(t)
		testJobsFollowDNS(t)
		return
	}
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestJobsFollowDNS$", "-test.v")
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSPC) {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no namespaces here: %v", err)
		}
		t.Skipf("no namespaces here: %v", err)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// alone gives the process a loopback interface, and makes it ask there for names.
func alone(t *testing.T) {
	t.Helper()
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(socket)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, lo); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(conf, []byte("nameserver 127.0.0.1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(conf, "/etc/resolv.conf", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
}

// zone is a name server.
type zone struct {
	failing atomic.Bool
	records atomic.Pointer[map[string][]dns.RR] // by name
	asked   chan struct{}                       // a token for a question
}

func (z *zone) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	m := new(dns.Msg).SetReply(r)
	records := (*z.records.Load())[r.Question[0].Name]
	switch {
	case z.failing.Load():
		m.Rcode = dns.RcodeServerFailure
	case records == nil:
		m.Rcode = dns.RcodeNameError
	default:
		for _, rr := range records {
			if rr.Header().Rrtype == r.Question[0].Qtype {
				m.Answer = append(m.Answer, rr)
			}
		}
	}
	_ = w.WriteMsg(m) // who asked asks again
	select {
	case z.asked <- struct{}{}:
	default:
	}
}

func (z *zone) has(t *testing.T, records ...string) {
	t.Helper()
	all := map[string][]dns.RR{}
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		all[rr.Header().Name] = append(all[rr.Header().Name], rr)
	}
	z.records.Store(&all)
}

// questions waits for so many.
func (z *zone) questions(n int) {
	for range n {
		<-z.asked
	}
}

func testJobsFollowDNS(t *testing.T) {
	z := &zone{asked: make(chan struct{})}
	conn, err := net.ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: z}
	go func() { _ = server.ActivateAndServe() }() // it ends with the process
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "x 1\n") })
	_, text, err := net.SplitHostPort(host(u))
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	records := []string{
		"a.test. 1 IN A 127.0.0.1", "b.test. 1 IN A 127.0.0.1",
		fmt.Sprintf("_x._tcp.test. 1 IN SRV 0 0 %d b.test.", port),
	}
	z.has(t, records...)
	z.failing.Store(true)
	_, _, reports := runJobs(t, configured(t, often+`
- job_name: names
  dns_sd_configs:
  - {names: [a.test, c.test], type: A, port: %d, refresh_interval: 100ms}
- job_name: services
  dns_sd_configs:
  - {names: [_x._tcp.test], refresh_interval: 100ms}
`, port), nil)
	for _, job := range []string{"names", "services"} {
		until(t, reports, job+" waits", func(r Report) bool { return r.Waiting && r.Target == job+"/" })
	}
	z.questions(20)
	if n := len(reports); n != 0 {
		t.Errorf("%d reports, the first %+v, and no name server has answered", n, <-reports)
	}
	z.failing.Store(false)
	waited := map[string]bool{}
	var up [2]Report
	for waited["names"] == false || waited["services"] == false || !up[0].Up || !up[1].Up {
		r := until(t, reports, "the targets are up and known", func(r Report) bool { return r.Up || r.Gone })
		switch {
		case r.Gone && r.Target == r.Job+"/":
			waited[r.Job] = true
		case r.Gone:
			t.Errorf("%+v, which has never been answered", r)
		case r.Job == "names":
			up[0] = r
		default:
			up[1] = r
		}
	}
	if up[0].Labels.Get("instance") != host(u) || up[1].Labels.Get("instance") != fmt.Sprintf("b.test:%d", port) {
		t.Errorf("targets %+v", up)
	}
	z.has(t, records[1:]...)
	until(t, reports, "it is gone, as its name is", func(r Report) bool { return r.Gone && r.Target == up[0].Target })
	z.failing.Store(true)
	for range 150 { // seconds, as many as the managers take to hand on what has changed
		until(t, reports, "the service is a target yet", func(r Report) bool {
			if r.Gone {
				t.Errorf("%+v, and no name server has said so", r)
			}
			return isDown(r) || r.Up
		})
	}
}

package notify

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/miekg/dns"
	_ "github.com/prometheus/prometheus/discovery/file" // file_sd_configs
)

// TestFileDiscovery: the file is watched; one that cannot be read is no evidence.
func TestFileDiscovery(t *testing.T) {
	first, second := newReceiver(t, nil), newReceiver(t, nil)
	first.Start()
	second.Start()
	path := filepath.Join(t.TempDir(), "targets.json")
	write := func(text string) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path+".new", []byte(text), 0o600), os.Rename(path+".new", path)); err != nil {
			t.Fatal(err)
		}
	}
	write(fmt.Sprintf(`[{"targets": [%q]}]`, first.address()))
	n := run(t, alerting(t, fmt.Sprintf("\n  alertmanagers: [{file_sd_configs: [{files: [%q], refresh_interval: 100ms}]}]\n", path)))
	n.Send(all(began("A")))
	await(t, first.posts, "the first")
	if st := n.Status()[0]; st.Origin != "file" || st.URL != first.URL {
		t.Errorf("status: %+v", st)
	}
	write(`[{"targets": [`)
	n.Send(all(began("B")))
	await(t, first.posts, "with a file that is cut")
	write(fmt.Sprintf(`[{"targets": [%q, %q]}]`, first.address(), second.address()))
	await(t, second.posts, "the second, of what fires")
	for _, st := range n.Status() {
		if !st.LostSince.IsZero() {
			t.Errorf("lost: %+v", st)
		}
	}
	write(`[]`)
	until(t, "both are lost", func() bool {
		st := n.Status()
		return len(st) == 2 && !st[0].LostSince.IsZero() && !st[1].LostSince.IsZero()
	})
}

const (
	// nameServer is a loopback address: names are looked up at port 53.
	nameServer = "127.83.71.53"
	dnsChild   = "TOCSIN_TEST_DNS"
)

// TestDNSDiscovery has a name server and a resolv.conf of its own: it runs anew as a
// process with its own mounts.
func TestDNSDiscovery(t *testing.T) {
	if conf := os.Getenv(dnsChild); conf != "" {
		testDNSDiscovery(t, conf)
		return
	}
	if os.Geteuid() != 0 {
		lacks(t, "mounts need root")
	}
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(conf, []byte("nameserver "+nameServer+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestDNSDiscovery$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), dnsChild+"="+conf)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		lacks(t, "mounts are not allowed here")
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func testDNSDiscovery(t *testing.T, conf string) {
	if err := syscall.Mount(conf, "/etc/resolv.conf", "", syscall.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	var rcode, asked atomic.Int64
	pc, err := net.ListenPacket("udp", nameServer+":53")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetRcode(q, int(rcode.Load()))
		if m.Rcode == dns.RcodeSuccess && q.Question[0].Name == "am.test." {
			m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: "am.test.", Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1)})
		}
		_ = w.WriteMsg(m)
		asked.Add(1)
	})}
	go func() { _ = server.ActivateAndServe() }()
	defer func() { _ = server.Shutdown() }()
	r := newReceiver(t, nil)
	r.Start()
	_, text, _ := net.SplitHostPort(r.address())
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}

	rcode.Store(dns.RcodeServerFailure)
	n := run(t, alerting(t, fmt.Sprintf("\n  alertmanagers: [{dns_sd_configs: [{names: [am.test], type: A, port: %d, refresh_interval: 100ms}]}]\n", port)))
	lookups := func(what string) {
		t.Helper()
		before := asked.Load()
		until(t, what, func() bool { return asked.Load() > before+4 })
	}
	n.Send(all(began("A")))
	lookups("asked in vain")
	expectReceivers(t, n, "the server fails", Undiscovered+" ")
	rcode.Store(dns.RcodeSuccess)
	await(t, r.posts, "what began before the name was resolved")
	expectReceivers(t, n, "resolved", r.URL+" dns")
	rcode.Store(dns.RcodeServerFailure)
	lookups("fails again")
	expectReceivers(t, n, "a failure is no evidence", r.URL+" dns")
	rcode.Store(dns.RcodeNameError)
	until(t, "the name is gone", func() bool { return !n.Status()[0].LostSince.IsZero() })
	n.Send(all(began("B")))
	await(t, r.posts, "one that is lost is told all the same")
}

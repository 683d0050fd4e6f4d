package cluster

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tocsin/tocsin/test/internal/process"
)

// memberNames are also the names of their links.
var memberNames = []string{"a", "b", "c"}

// site is a cluster, the tocsin and the control sender that tell it of a target's
// incidents, and the webhook behind it.
type site struct {
	*network
	members map[string]*member
	tocsin  *station
	target  *target
	webhook *webhook
	// slowness is how long the proxy before member c takes, in nanoseconds, and slowed
	// how many requests are in it.
	slowness, slowed atomic.Int64
}

// startSite returns when all of it runs, and the cluster is settled.
func startSite(t *testing.T) *site {
	t.Helper()
	needs(t, "ip", "prometheus-alertmanager")
	s := &site{
		network: newNetwork(t, append(memberNames, "tocsin")...),
		members: map[string]*member{}, target: &target{}, webhook: &webhook{},
	}
	s.bridge.serve(t, bridgeAddress+":80", s.webhook)
	s.bridge.serve(t, bridgeAddress+":9100", s.target)
	via := s.bridge.transport(t)
	client := &http.Client{Transport: via, Timeout: 5 * time.Second}
	urls := make([]string, 0, len(memberNames))
	for _, name := range memberNames {
		var others []*host
		for _, other := range memberNames {
			if other != name {
				others = append(others, s.hosts[other])
			}
		}
		m := newMember(t, s.hosts[name], client, others)
		s.members[name] = m
		urls = append(urls, m.url())
		m.start()
	}
	urls[2] = s.throughProxy(via, urls[2])
	s.tocsin = newStation(t, s.hosts["tocsin"], urls)
	s.tocsin.start()
	startControl(t, s.target, s.hosts["tocsin"].transport(t), urls)
	s.settled()
	return s
}

// slowness has a member hear of an incident when it is the turn of the next, and is
// not so long that tocsin gives up.
const slowness = 2 * time.Second

// slow sets how long requests to member c are under way, and waits for those that take
// another time: what is told after one of them comes late.
func (s *site) slow(d time.Duration) {
	s.t.Helper()
	s.slowness.Store(int64(d))
	process.Eventually(s.t, patience, "no request is slow", func() error {
		if n := s.slowed.Load(); n > 0 {
			return fmt.Errorf("%d requests", n)
		}
		return nil
	})
}

// throughProxy has a member behind a proxy, on a host of its own.
func (s *site) throughProxy(via *http.Transport, member string) string {
	s.t.Helper()
	u, err := url.Parse(member)
	if err != nil {
		s.t.Fatal(err)
	}
	next := &httputil.ReverseProxy{
		Transport: via, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) },
		ErrorLog: log.New(io.Discard, "", 0), // the member is away now and then
	}
	const address = bridgeAddress + ":9093"
	s.bridge.serve(s.t, address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.slowed.Add(1)
		defer s.slowed.Add(-1)
		select {
		case <-time.After(time.Duration(s.slowness.Load())):
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}))
	return "http://" + address
}

// settled waits until the cluster is whole, and tocsin owes nobody anything.
func (s *site) settled() {
	s.t.Helper()
	process.Eventually(s.t, patience, "the cluster is whole and has been told all", func() error {
		var errs []error
		for _, name := range memberNames {
			errs = append(errs, s.members[name].sees(len(memberNames)))
		}
		return errors.Join(append(errs, s.tocsin.delivered())...)
	})
}

// begin begins incidents, and waits until tocsin knows.
func (s *site) begin(names ...string) {
	s.t.Helper()
	for _, name := range names {
		s.target.begin(name)
	}
	for _, name := range names {
		process.Eventually(s.t, patience, name+" fires", func() error { return s.tocsin.fires(name, true) })
	}
}

// end ends an incident, and waits until tocsin knows. Unheard is one that no
// member could be told of.
func (s *site) end(name string, unheard bool) {
	s.t.Helper()
	s.target.end(name, unheard)
	process.Eventually(s.t, patience, name+" is over", func() error { return s.tocsin.fires(name, false) })
}

// notified waits until people were told by the notifications of both senders.
func (s *site) notified(status string, names ...string) {
	s.t.Helper()
	process.Eventually(s.t, patience, "notifications", func() error {
		for _, name := range names {
			for _, sender := range []string{"tocsin", "control"} {
				if len(s.webhook.told(sender, name, status)) == 0 {
					return fmt.Errorf("none of %s as %s by %s", name, status, sender)
				}
			}
		}
		return nil
	})
}

package notify

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// cluster are fake Alertmanagers, by their hosts, that may be members of one cluster.
type cluster struct {
	router
	mu    sync.Mutex
	alone map[string]bool // guarded by mu: who shows nobody but itself
}

// newCluster has members a, b and so on. They know all of each other, or none.
func newCluster(size int, joined bool) *cluster {
	c := &cluster{router: router{}, alone: map[string]bool{}}
	for i := range size {
		host := string(rune('a' + i))
		am := &fakeAM{started: time.Now()}
		am.status = func(*fakeAM, *http.Request, []byte) (*http.Response, error) { return c.status(host) }
		c.router[host], c.alone[host] = am, !joined
	}
	return c
}

// urls are those of the members, in their order.
func (c *cluster) urls() string {
	var urls []string
	for _, host := range slices.Sorted(maps.Keys(c.router)) {
		urls = append(urls, "http://"+host+":9093")
	}
	return strings.Join(urls, ",")
}

// join has a member show all others.
func (c *cluster) join(host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alone[host] = false
}

// status shows a member's name, which is new with each start, and others'.
func (c *cluster) status(host string) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := func(host string) (string, time.Time) {
		am := c.router[host]
		am.mu.Lock()
		defer am.mu.Unlock()
		return fmt.Sprintf("%s-%d", host, am.started.UnixNano()), am.started
	}
	var peers []string
	for other := range c.router {
		if n, _ := name(other); other == host || !c.alone[host] {
			peers = append(peers, fmt.Sprintf(`{"name":%q}`, n))
		}
	}
	n, started := name(host)
	return answer(http.StatusOK, "application/json", fmt.Sprintf(`{"uptime":%q,"cluster":{"name":%q,"peers":[%s]}}`,
		started.Format(time.RFC3339Nano), n, strings.Join(peers, ","))), nil
}

// misses has a member miss an incident that begins and ends. It is back then.
func misses(n *Notifier, am *fakeAM) {
	am.mu.Lock()
	am.fallback = fail
	am.mu.Unlock()
	a := began("A")
	n.Send(all(a))
	elapse(20 * time.Second)
	n.Send(all(over(a)))
	elapse(20 * time.Second)
	am.mu.Lock()
	am.fallback = nil
	am.mu.Unlock()
}

// What other members were told in time is not reported late to one that was away:
// people know of it. Those of no cluster have other people.
func TestClusterIsToldOnce(t *testing.T) {
	for _, clustered := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(2, clustered)
			n, _ := start(t, Options{Endpoints: mustParse(t, c.urls()), RoundTripper: c}, nil)
			n.Send(all(began("Else"))) // they are asked who they are
			elapse(time.Second)
			misses(n, c.router["b"])
			elapse(2 * time.Minute)
			got := c.router["b"].stored("A")
			if clustered && (got == nil || !isResolved(got)) {
				t.Errorf("the member was told %+v, want the end alone", got)
			}
			if !clustered && (got == nil || isResolved(got) || got.Annotations[LateAnnotation] == "") {
				t.Errorf("another cluster was told %+v, want a late report", got)
			}
			if st := n.Status()[1]; st.Undelivered != 0 {
				t.Errorf("%d incidents undelivered", st.Undelivered)
			}
		})
	}
}

// A member may be away for longer than it is remembered what others were told.
func TestClusterAfterALongOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(2, true)
		n, _ := start(t, Options{Endpoints: mustParse(t, c.urls()), RoundTripper: c}, nil)
		other := began("Else")
		n.Send(all(other))
		elapse(time.Second)
		b := c.router["b"]
		up := b.status
		down := func(*fakeAM, *http.Request, []byte) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Err: errors.New("no route to host")}
		}
		b.mu.Lock()
		b.status, b.fallback = down, down
		b.mu.Unlock()
		a := began("A")
		n.Send(all(a))
		elapse(20 * time.Second)
		n.Send(all(over(a)))
		for range 2 * endKept / time.Minute {
			n.Send(all(again(other)))
			elapse(time.Minute)
		}
		b.mu.Lock()
		b.status, b.fallback = up, nil
		b.mu.Unlock()
		elapse(2 * time.Minute)
		if got := b.stored("A"); got == nil || !isResolved(got) {
			t.Errorf("the member was told %+v, want the end alone", got)
		}
	})
}

// An incident that no member was told of is reported late to all of them.
func TestClusterThatWasAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(2, true)
		n, _ := start(t, Options{Endpoints: mustParse(t, c.urls()), RoundTripper: c}, nil)
		n.Send(all(began("Else")))
		elapse(time.Second)
		c.router["a"].then(fail, fail, fail, fail, fail)
		misses(n, c.router["b"])
		elapse(4 * time.Minute)
		for host, am := range c.router {
			if got := am.stored("A"); got == nil || isResolved(got) || got.Annotations[LateAnnotation] == "" {
				t.Errorf("%s was told %+v, want a late report", host, got)
			}
		}
	})
}

// A member that comes back finds its cluster a little later: the late report waits, but
// not for ever.
func TestClusterIsJoinedLater(t *testing.T) {
	for _, joins := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(2, false)
			n, _ := start(t, Options{Endpoints: mustParse(t, c.urls()), RoundTripper: c}, nil)
			misses(n, c.router["b"])
			elapse(15 * time.Second)
			if got := c.router["b"].stored("A"); got != nil {
				t.Fatalf("the member was told %+v before it had time to join", got)
			}
			if joins {
				c.join("b")
			}
			elapse(time.Minute)
			if got := c.router["b"].stored("A"); got == nil || isResolved(got) != joins {
				t.Errorf("joins %t: the member was told %+v", joins, got)
			}
		})
	}
}

// Members that restart one after the other, before they had time to notify: only
// where none of them knows it any more it is reported late, and then all of them hear
// the same.
func TestClusterThatRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(3, true)
		n, _ := start(t, Options{Endpoints: mustParse(t, c.urls()), RoundTripper: c}, nil)
		a, other := began("A"), began("Else")
		n.Send(all(a, other))
		elapse(20 * time.Second)
		n.Send(all(over(a)))
		elapse(20 * time.Second)
		for _, host := range []string{"a", "b", "c"} {
			c.router[host].restart()
			c.router[host].then(fail)
			n.Send(all(again(other)))
			elapse(10 * time.Second)
			got := c.router[host].stored("A")
			if late := got != nil && !isResolved(got); late != (host == "c") {
				t.Errorf("%s was told %+v after its restart", host, got)
			}
		}
		for host, am := range c.router {
			if got := am.stored("A"); isResolved(got) || got.Annotations[LateAnnotation] == "" {
				t.Errorf("%s was told %+v in the end, want the late report", host, got)
			}
		}
	})
}

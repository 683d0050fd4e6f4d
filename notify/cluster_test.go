package notify

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// cluster are fake Alertmanagers that are members of one cluster, by their hosts.
type cluster map[string]*fakeAM

// newCluster has members a, b and so on, who know all of each other.
func newCluster(size int) cluster {
	c := cluster{}
	for i := range size {
		am := &fakeAM{started: time.Now()}
		c[string(rune('a'+i))] = am
		c.join(am)
	}
	return c
}

func (c cluster) RoundTrip(req *http.Request) (*http.Response, error) {
	return router(c).RoundTrip(req)
}

// urls are those of the members, in their order.
func (c cluster) urls() string {
	var urls []string
	for i := range len(c) {
		urls = append(urls, fmt.Sprintf("http://%c:9093", 'a'+i))
	}
	return strings.Join(urls, ",")
}

// join has a member show its name, which is new with each start, and all others'.
func (c cluster) join(am *fakeAM) {
	am.status = func(*fakeAM, *http.Request, []byte) (*http.Response, error) {
		var peers []string
		for host, peer := range c {
			peers = append(peers, fmt.Sprintf(`{"name":"%s-%d"}`, host, peer.started.UnixNano()))
		}
		return c.answer(am, peers)
	}
}

// isolate has a member show nobody but itself.
func (c cluster) isolate(am *fakeAM) {
	am.status = func(*fakeAM, *http.Request, []byte) (*http.Response, error) { return c.answer(am, nil) }
}

func (c cluster) answer(am *fakeAM, peers []string) (*http.Response, error) {
	for host, peer := range c {
		if peer == am {
			return answer(http.StatusOK, "application/json", fmt.Sprintf(`{"uptime":%q,"cluster":{"name":"%s-%d","peers":[%s]}}`,
				am.started.Format(time.RFC3339Nano), host, am.started.UnixNano(), strings.Join(peers, ","))), nil
		}
	}
	return nil, fmt.Errorf("no member")
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
			c := newCluster(2)
			if !clustered {
				c.isolate(c["a"])
				c.isolate(c["b"])
			}
			n, _ := start(t, Options{Endpoints: mustParse(t, c.urls()), RoundTripper: c}, nil)
			n.Send(all(began("Else"))) // they are asked who they are
			elapse(time.Second)
			misses(n, c["b"])
			elapse(2 * time.Minute)
			got := c["b"].stored("A")
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

// An incident that no member was told of is reported late to all of them.
func TestClusterThatWasAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(2)
		n, _ := start(t, Options{Endpoints: mustParse(t, c.urls()), RoundTripper: c}, nil)
		n.Send(all(began("Else")))
		elapse(time.Second)
		c["a"].then(fail, fail, fail, fail, fail)
		misses(n, c["b"])
		elapse(2 * time.Minute)
		for host, am := range c {
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
			c := newCluster(2)
			c.isolate(c["a"])
			c.isolate(c["b"])
			n, _ := start(t, Options{Endpoints: mustParse(t, c.urls()), RoundTripper: c}, nil)
			misses(n, c["b"])
			elapse(15 * time.Second)
			if got := c["b"].stored("A"); got != nil {
				t.Fatalf("the member was told %+v before it had time to join", got)
			}
			if joins {
				c.join(c["b"])
			}
			elapse(time.Minute)
			if got := c["b"].stored("A"); got == nil || isResolved(got) != joins {
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
		c := newCluster(3)
		n, _ := start(t, Options{Endpoints: mustParse(t, c.urls()), RoundTripper: c}, nil)
		a, other := began("A"), began("Else")
		n.Send(all(a, other))
		elapse(20 * time.Second)
		n.Send(all(over(a)))
		elapse(20 * time.Second)
		for _, host := range []string{"a", "b", "c"} {
			c[host].restart()
			c[host].then(fail)
			n.Send(all(again(other)))
			elapse(10 * time.Second)
			got := c[host].stored("A")
			if late := got != nil && !isResolved(got); late != (host == "c") {
				t.Errorf("%s was told %+v after its restart", host, got)
			}
		}
		for host, am := range c {
			if got := am.stored("A"); isResolved(got) || got.Annotations[LateAnnotation] == "" {
				t.Errorf("%s was told %+v in the end, want the late report", host, got)
			}
		}
	})
}

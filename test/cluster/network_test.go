package cluster

import (
	"fmt"
	"testing"
)

// network is a bridge with a host on each of its ports. What is behind all members
// (the webhook, the target, proxies) is on the bridge's own host.
type network struct {
	t      *testing.T
	bridge *namespace
	hosts  map[string]*host
}

// host is what runs in a namespace of its own, with one link.
type host struct {
	*namespace
	name, address string
}

const bridgeAddress = "10.0.0.254"

func newNetwork(t *testing.T, names ...string) *network {
	t.Helper()
	w := &network{t: t, bridge: newNamespace(t), hosts: map[string]*host{}}
	w.bridge.ip(t, "link add br0 type bridge", "addr add "+bridgeAddress+"/24 dev br0", "link set br0 up")
	for i, name := range names {
		h := &host{namespace: newNamespace(t), name: name, address: fmt.Sprintf("10.0.0.%d", i+1)}
		w.hosts[name] = h
		w.bridge.ip(t,
			fmt.Sprintf("link add name %s type veth peer name eth0 netns %s", name, h.path()),
			fmt.Sprintf("link set dev %s master br0", name),
			fmt.Sprintf("link set dev %s up", name))
		h.ip(t, "addr add "+h.address+"/24 dev eth0", "link set eth0 up")
	}
	return w
}

// cut takes hosts off the network.
func (w *network) cut(names ...string) { w.link("down", names) }

// join puts them back.
func (w *network) join(names ...string) { w.link("up", names) }

func (w *network) link(state string, names []string) {
	w.t.Helper()
	for _, name := range names {
		w.bridge.ip(w.t, fmt.Sprintf("link set dev %s %s", name, state))
	}
}

// split lets no packet through between one host and others. The bridge's own host
// sees all.
func (w *network) split(one string, others ...string) { w.routes("add", one, others) }

// unite ends a split.
func (w *network) unite(one string, others ...string) { w.routes("del", one, others) }

func (w *network) routes(verb, one string, others []string) {
	w.t.Helper()
	from := w.hosts[one]
	for _, name := range others {
		to := w.hosts[name]
		from.ip(w.t, fmt.Sprintf("route %s blackhole %s/32", verb, to.address))
		to.ip(w.t, fmt.Sprintf("route %s blackhole %s/32", verb, from.address))
	}
}

package test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// network is a switch with machines: network namespaces of this test alone. The test
// itself is on it, at its address.
type network struct {
	name    string
	prefix  string // of the addresses: three numbers
	address string
	nodes   int
}

// newNetwork makes a network; the test's end takes it away.
func newNetwork(t *testing.T) *network {
	t.Helper()
	needs(t, "ip", "nsenter")
	id := os.Getpid() % 10000
	n := &network{name: fmt.Sprintf("tocsin%d", id), prefix: fmt.Sprintf("198.18.%d", id%250)} // a block for tests of networks
	n.address = n.prefix + ".254"
	ip(t, "link add "+n.name+" type bridge")
	t.Cleanup(func() { ip(t, "link del "+n.name) })
	ip(t, "address add "+n.address+"/24 dev "+n.name)
	ip(t, "link set "+n.name+" up")
	return n
}

// join adds a machine, and returns its address and the command that enters it.
func (n *network) join(t *testing.T) (address string, enter []string) {
	t.Helper()
	n.nodes++
	space := fmt.Sprintf("%s-%d", n.name, n.nodes)
	address = fmt.Sprintf("%s.%d", n.prefix, n.nodes)
	ip(t, "netns add "+space)
	t.Cleanup(func() { ip(t, "netns del "+space) })
	ip(t, fmt.Sprintf("link add %s.%d type veth peer name eth0 netns %s", n.name, n.nodes, space))
	ip(t, fmt.Sprintf("link set %s.%d master %s up", n.name, n.nodes, n.name))
	ip(t, "-n "+space+" address add "+address+"/24 dev eth0")
	ip(t, "-n "+space+" link set eth0 up")
	ip(t, "-n "+space+" link set lo up")
	ip(t, "-n "+space+" route add default via "+n.address)
	return address, []string{"nsenter", "--net=/run/netns/" + space}
}

// free is an address of the test on the network that nothing listens on yet.
func (n *network) free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", n.address+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func ip(t *testing.T, args string) {
	t.Helper()
	path, err := command("ip")
	if err == nil {
		var out []byte
		if out, err = exec.Command(path, strings.Fields(args)...).CombinedOutput(); err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
	}
	if err != nil {
		t.Errorf("ip %s: %v", args, err)
	}
}
